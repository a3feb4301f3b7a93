<?php
// Creates the accounts that a JSON file describes, back-dated, with groups, mail addresses and blocks.

use MediaWiki\Block\DatabaseBlock;
use MediaWiki\Block\Restriction\NamespaceRestriction;
use MediaWiki\MediaWikiServices;

require_once getenv( 'MW_INSTALL_PATH' ) . '/maintenance/Maintenance.php';

class Seed extends Maintenance {
	public function __construct() {
		parent::__construct();
		$this->addArg( 'file', 'what to create' );
	}

	public function execute() {
		$services = MediaWikiServices::getInstance();
		$groups = $services->getUserGroupManager();
		$options = $services->getUserOptionsManager();
		$blocks = $services->getDatabaseBlockStore();
		$admin = User::newFromName( 'Admin' );
		$this->beginTransaction( $this->getDB( DB_PRIMARY ), __METHOD__ );
		foreach ( json_decode( file_get_contents( $this->getArg( 0 ) ), true ) as $account ) {
			$fields = [ 'registration' => $account['registered'], 'email' => $account['email'] ];
			if ( $account['confirmed'] ) {
				$fields['email_authenticated'] = $account['registered'];
			}
			$user = User::createNew( $account['name'], $fields );
			foreach ( $account['groups'] ?? [] as $group ) {
				$groups->addUserToGroup( $user, $group );
			}
			if ( $account['mute'] ) {
				$options->setOption( $user, 'disablemail', 1 );
				$options->saveOptions( $user );
			}
			if ( $account['block'] ) {
				$block = new DatabaseBlock( [ 'address' => $user, 'by' => $admin, 'expiry' => 'infinity',
					'sitewide' => $account['block'] === 'sitewide' ] );
				if ( $account['block'] === 'partial' ) {
					$block->setRestrictions( [ new NamespaceRestriction( 0, NS_PROJECT ) ] );
				}
				$blocks->insertBlock( $block );
			}
		}
		$this->commitTransaction( $this->getDB( DB_PRIMARY ), __METHOD__ );
	}
}

$maintClass = Seed::class;
require_once RUN_MAINTENANCE_IF_MAIN;
