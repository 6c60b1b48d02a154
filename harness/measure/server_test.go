package measure

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/genbench/genbench/harness/internal/pb"
)

// TestEndings: each way in which a measure can end has its Result; a call that the host ended at the deadline is the
// deadline, though the measure's own clock may not have come to it.
func TestEndings(t *testing.T) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	host := func(c codes.Code) error {
		return fmt.Errorf("layer 2: %w", &hostError{"asking", status.Error(c, "why")})
	}
	for _, c := range []struct {
		ctx  context.Context
		err  error
		code pb.Failure_Code
	}{
		{context.Background(), errors.New("did not converge"), pb.Failure_CODE_INTERNAL},
		{over, errors.New("did not converge"), pb.Failure_CODE_CANCELLED},
		{context.Background(), host(codes.FailedPrecondition), pb.Failure_CODE_HOST},
		{context.Background(), host(codes.Canceled), pb.Failure_CODE_CANCELLED},
		{context.Background(), host(codes.DeadlineExceeded), pb.Failure_CODE_CANCELLED},
	} {
		if r := errorResult(c.ctx, c.err); r.GetFailure() == nil || r.GetFailure().Code != c.code {
			t.Errorf("%v: %v, want %v", c.err, r, c.code)
		}
	}
	if r := errorResult(over, Undefined("no layers")); r.GetUndefined().GetWhy() != "no layers" {
		t.Errorf("undefined: %v", r)
	}
	if r := errorResult(over, &MissingError{Need: InitWeights, Reason: "not kept"}); r.GetMissing().GetQuantity() != "init-weights" {
		t.Errorf("missing: %v", r)
	}
}
