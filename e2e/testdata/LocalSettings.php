<?php
// A wiki in one folder that can be copied: everything it holds is beside this file.
$wgServer = 'http://127.0.0.1';
$wgScriptPath = '';
$wgSitename = 'Wiki';
$wgDBtype = 'sqlite';
$wgDBname = 'wiki';
$wgSQLiteDataDir = __DIR__ . '/data';
$wgDBservers = [ [ 'type' => 'sqlite', 'dbname' => 'wiki', 'dbDirectory' => $wgSQLiteDataDir, 'load' => 1,
	'flags' => DBO_DEFAULT, 'variables' => [ 'synchronous' => 'OFF' ] ] ];
$wgSecretKey = '{{.SecretKey}}';
$wgMainCacheType = CACHE_ACCEL;
$wgCacheDirectory = __DIR__ . '/cache';
$wgJobRunRate = 0;

$wgEnableEmail = true;
$wgEnableUserEmail = true;
$wgEmailAuthentication = true;

// The exporter's account reads as a member of one group, so that this right can be taken away.
$wgGroupPermissions['exporter']['read'] = true;

// Wrong passwords are part of the tests, and so is the recovery from them.
$wgPasswordAttemptThrottle = [ [ 'count' => 10000, 'seconds' => 60 ] ];
