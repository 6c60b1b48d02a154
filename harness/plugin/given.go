package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/genbench/genbench/harness/internal/pb"
)

// A measure reads the same quantities of every network, or nearly. What it read of the last one is sent along with
// the question about the next, so that most answers are one round trip. It stays a guess: what was not sent is
// asked for, what was sent in vain is not charged, and not sent again. So that a wrong guess costs the measure none of its
// time, and the host no work, only what is quick is sent: next to a long computation a round trip is nothing.

// asked is a quantity that a measure read.
type asked struct {
	name string
	args map[string]string
}

func (q asked) key() string { return fmt.Sprint(q.name, q.args) } // fmt prints a map in the order of its keys

// mostGiven bounds what is sent ahead to one measure.
const mostGiven = 32

// givenWithin is how long the host looks for all that it sends ahead. What takes longer is left to be asked for.
const givenWithin = 50 * time.Millisecond

// givesAhead is the first minor version of plugins that know what they are given.
const givesAhead = 1

// habit names what has been learnt of a measure.
func (r Request) habit() string { return fmt.Sprint(r.Measure, r.Options) }

// give looks up what the measure will read, less what the process has kept of the network. What cannot be had is
// left out: the measure asks for it and is told why.
func (s *session) give(ctx context.Context, a *asking, habit []asked) (given []*pb.Given) {
	if s.minor < givesAhead || a.source == nil {
		return nil
	}
	defer func() { _ = recover() }() // a panic of a computation: the one who asks for it is told
	ctx, cancel := context.WithTimeout(ctx, givenWithin)
	defer cancel()
	for _, q := range habit {
		if s.kept[q.key()] || s.slow[q.key()] {
			continue
		}
		b, err := a.look(ctx, q.name, q.args)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			given = append(given, &pb.Given{Name: q.name, Args: q.args, Arrays: s.host.arrays(b)})
		}
	}
	return given
}

// note notes a quantity that was asked for and answered, once.
func (a *asking) note(q *pb.QuantityRequest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := asked{q.Name, maps.Clone(q.Args)}
	if !a.noted[r.key()] {
		a.noted[r.key()] = true
		a.read = append(a.read, r)
	}
}

// taken is all that the measure read: asked for, given or kept. The process keeps it as long as the network is named alike.
func (s *session) taken(a *asking, reused []*pb.QuantityRequest) []asked {
	a.mu.Lock()
	read, took := slices.Clone(a.read), maps.Clone(a.took)
	a.mu.Unlock()
	for _, q := range reused {
		read = append(read, asked{q.Name, q.Args})
	}
	if s.kept == nil || s.network == "" {
		s.kept = map[string]bool{}
	}
	if s.slow == nil {
		s.slow = map[string]bool{}
	}
	here := map[string]bool{}
	read = slices.DeleteFunc(read, func(q asked) bool {
		key := q.key()
		double := here[key]
		if !s.kept[key] { // of the others nothing is learnt: they had been computed
			s.slow[key] = took[key] >= givenWithin
		}
		here[key], s.kept[key] = true, true
		return double
	})
	return read[:min(len(read), mostGiven)]
}
