package corpora

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/genbench/genbench/models"
)

// Verify reads every file of every network again, verifies all sums, evaluates the
// network on examples built anew, and compares with its record. report is
// called for each network in the store, err nil when it holds. held, bad and missing count the networks
// that hold, that do not, and that are not in the store and so claim nothing. The
// error is about the run: the data set is not there, ctx was cancelled.
//
// On the engine of the record, whatever the size of its groups, everything must be equal to the last bit. On another
// engine logits differ by rounding, which can move an example across a tie:
// accuracies may differ by one example in a thousand and at least one, and losses by
// 0.1 % and 1e-4 nats.
func Verify(ctx context.Context, s *Store, nets []Network, e models.Engine, dataDir string, report func(id string, err error)) (held, bad, missing int, err error) {
	data := NewDataCache(dataDir)
	there, err := s.present()
	if err != nil {
		return 0, 0, 0, err
	}
	for i := range nets {
		if ctx.Err() != nil {
			return held, bad, missing, context.Cause(ctx)
		}
		id := nets[i].ID
		if !there[id] {
			missing++
			continue
		}
		r, err := s.Record(id)
		if err == nil {
			err = s.check(r)
		}
		if err == nil {
			err = verify(s, r, e, data)
		}
		switch {
		case err == nil:
			held++
		case errors.As(err, new(*ErrDamaged)) || errors.As(err, new(*claimError)):
			bad++
		default:
			return held, bad, missing, err
		}
		if report != nil {
			report(id, err)
		}
	}
	return held, bad, missing, nil
}

// claimError is a value of a record that does not hold.
type claimError struct{ msg string }

func (e *claimError) Error() string { return e.msg }

func claim(format string, args ...any) error { return &claimError{fmt.Sprintf(format, args...)} }

// verify evaluates a network whose files are sound.
func verify(s *Store, r *Record, e models.Engine, cache *DataCache) error {
	data, err := cache.For(r)
	var other *DataError
	if errors.As(err, &other) {
		return claim("network %s: %v", r.ID, other)
	}
	if err != nil {
		return err
	}
	final, _, err := s.LoadNetwork(r)
	if err != nil {
		return err
	}
	stored, err := s.TestCorrect(r.ID)
	if err != nil {
		return err
	}
	now := *r
	correct, err := Measure(e, &now, final, data)
	if err != nil {
		return err
	}
	exact := sessionEngine(r.Engine) == e.Name()
	for _, c := range []struct {
		name     string
		was, now SplitMetrics
	}{{"train", r.Train, now.Train}, {"train_clean", r.TrainClean, now.TrainClean}, {"test", r.Test, now.Test}} {
		if err := compareMetrics(c.was, c.now, exact); err != nil {
			return claim("network %s: %s: %v", r.ID, c.name, err)
		}
	}
	differ := 0
	for i := range correct {
		if correct[i] != stored[i] {
			differ++
		}
	}
	if allowed := slack(len(correct), exact); differ > allowed {
		return claim("network %s: %s: %d of %d test examples are classified otherwise", r.ID, correctName, differ, len(correct))
	}
	return nil
}

func slack(n int, exact bool) int {
	if exact {
		return 0
	}
	return max(1, n/1000)
}

func compareMetrics(was, now SplitMetrics, exact bool) error {
	if was.N != now.N {
		return fmt.Errorf("%d examples, recorded are %d", now.N, was.N)
	}
	if math.Abs(was.Accuracy-now.Accuracy)*float64(was.N) > float64(slack(was.N, exact))+1e-6 {
		return fmt.Errorf("accuracy %v, recorded is %v", now.Accuracy, was.Accuracy)
	}
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	same := was.Loss == now.Loss || !finite(was.Loss) && !finite(now.Loss)
	if !exact {
		same = same || math.Abs(was.Loss-now.Loss) <= 1e-3*math.Abs(was.Loss)+1e-4
	}
	if !same {
		return fmt.Errorf("loss %v, recorded is %v", now.Loss, was.Loss)
	}
	return nil
}
