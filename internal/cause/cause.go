// Package cause names why something failed, from a closed list that is also a metric label.
package cause

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// A Cause is why a poll or a part of it failed.
type Cause string

// The closed list of causes.
const (
	Auth        Cause = "auth"         // the platform does not accept who we say we are
	Permission  Cause = "permission"   // it does, and does not let us see what we must see
	RateLimited Cause = "rate_limited" // it asked us to come back later
	Timeout     Cause = "timeout"      // it did not answer in time
	Unavailable Cause = "unavailable"  // it can't be reached, or says that it is out of order
	BadResponse Cause = "bad_response" // it answered something that can't be right
	Other       Cause = "other"        // anything else, such as an unreadable secret file
)

// All lists every cause.
var All = []Cause{Auth, Permission, RateLimited, Timeout, Unavailable, BadResponse, Other}

// An Error is an error with its cause. Its text has no secret, no person and nothing of the platform's answer.
type Error struct {
	Cause Cause
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error; format is as in fmt.Errorf.
func Errorf(c Cause, format string, args ...any) error {
	return &Error{Cause: c, Err: fmt.Errorf(format, args...)}
}

// Of returns the cause of err: that of the outermost Error in its chain, else what the standard
// library's errors tell, else Other. It returns "" for nil.
func Of(err error) Cause {
	var e *Error
	var n net.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Cause
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return Timeout
	case errors.As(err, &n):
		return Unavailable
	}
	return Other
}
