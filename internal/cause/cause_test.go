package cause

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
)

func TestOf(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want Cause
	}{
		{nil, ""},
		{errors.New("anything"), Other},
		{Errorf(Auth, "no"), Auth},
		{fmt.Errorf("list accounts: %w", Errorf(Permission, "no")), Permission},
		{Errorf(BadResponse, "read: %w", Errorf(Timeout, "slow")), BadResponse},
		{errors.Join(errors.New("one"), Errorf(RateLimited, "later")), RateLimited},
		{fmt.Errorf("probe: %w", context.DeadlineExceeded), Timeout},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, Unavailable},
		{&net.DNSError{IsTimeout: true}, Timeout},
	} {
		if got := Of(tc.err); got != tc.want {
			t.Errorf("%v: got %q, want %q", tc.err, got, tc.want)
		}
	}
}
