package corpora

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// A probe is bounded by probeSeconds, but finishes its first epoch, unless that has more than probeMultiplyAdds: then it times steps, of probeBatch
// examples at most, on inputs drawn at random.
const (
	probeSeconds      = 1.5
	probeMultiplyAdds = 3e10 // a second or a few on one core
	probeBatch        = 32
)

// rate is what a network of some family and size needs: seconds for a unit of Network.cost.
type rate struct {
	family            string
	perEpoch, seconds float64
}

// nearestRate is the rate of the probe nearest in size, of those of the family if there are such.
func nearestRate(rates []rate, family string, size float64) float64 {
	distance := func(r rate) float64 {
		d := math.Abs(math.Log(r.perEpoch / size))
		if r.family != family {
			d += 1e3
		}
		return d
	}
	best := rates[0]
	for _, r := range rates[1:] {
		if distance(r) < distance(best) {
			best = r
		}
	}
	return best.seconds
}

// probes chooses up to three networks: the largest, the largest of the next families by size, and where there are fewer families
// the first and the last of the smallest networks, the ends of the grid, which are cheap enough to be trained to the end.
// sizes are the networks', one epoch in units of Network.cost.
func probes(missing []Network, sizes []float64) []int {
	largest := map[string]int{} // by family
	var families []string
	first := 0
	for i := range missing {
		family := missing[i].Arch.Family
		at, ok := largest[family]
		if !ok {
			families = append(families, family)
		}
		if !ok || sizes[i] > sizes[at] {
			largest[family] = i
		}
		if sizes[i] < sizes[first] {
			first = i
		}
	}
	last := first
	for i := range missing {
		if sizes[i] == sizes[first] {
			last = i
		}
	}
	slices.SortStableFunc(families, func(a, b string) int {
		if sizes[largest[a]] > sizes[largest[b]] {
			return -1
		}
		return 1
	})
	var chosen []int
	for _, f := range families {
		chosen = append(chosen, largest[f])
	}
	for _, i := range []int{first, last} {
		if !slices.Contains(chosen, i) {
			chosen = append(chosen, i)
		}
	}
	chosen = chosen[:min(len(chosen), 3)]
	slices.Sort(chosen)
	return chosen
}

// probe times the networks that probes chooses; reached are the epochs of those that came to their target.
func probe(ctx context.Context, missing []Network, sizes []float64, e models.Engine, cache *DataCache) (rates []rate, reached []float64, err error) {
	for _, i := range probes(missing, sizes) {
		n := &missing[i]
		if 3*sizes[i] > probeMultiplyAdds {
			seconds, err := probeSteps(ctx, n, e)
			if err != nil {
				return nil, nil, err
			}
			rates = append(rates, rate{n.Arch.Family, sizes[i], seconds / sizes[i]})
			continue
		}
		epochs, seconds, done, err := probeTraining(ctx, n, e, cache)
		if err != nil {
			return nil, nil, err
		}
		rates = append(rates, rate{n.Arch.Family, sizes[i], seconds / (sizes[i] * epochs)})
		if done {
			reached = append(reached, epochs)
		}
	}
	return rates, reached, nil
}

// probeTraining trains one network until it is done or the time is up.
func probeTraining(ctx context.Context, n *Network, e models.Engine, cache *DataCache) (epochs, seconds float64, done bool, err error) {
	data, err := cache.Get(n.Set, n.Transform)
	if errors.As(err, new(*dataset.Error)) {
		seconds, err = probeSteps(ctx, n, e) // the set is not at hand
		return 1, seconds, false, err
	}
	if err != nil {
		return 0, 0, false, err
	}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	training := n.Training
	training.Snapshots, training.SnapshotSteps = nil, nil
	start := time.Now()
	_, err = models.Train(inner, e, n.Arch, training, n.Seeds, examplesOf(data), func(line models.Epoch) {
		epochs, seconds = float64(line.Epoch), seconds+line.Seconds
		if time.Since(start).Seconds() > probeSeconds {
			stop()
		}
	})
	if ctx.Err() != nil {
		return 0, 0, false, ctx.Err()
	}
	if err != nil && inner.Err() == nil {
		return 0, 0, false, err
	}
	if epochs == 0 { // diverged in its first epoch: nothing to learn but the time
		epochs, seconds = 1, time.Since(start).Seconds()
	}
	return epochs, seconds, err == nil, nil
}

// probeSteps answers the seconds of an epoch, from the shortest of the steps that fit into the time. An epoch after which a network is evaluated,
// as with batch norm or dropout, takes a third more: another pass forward.
func probeSteps(ctx context.Context, n *Network, e models.Engine) (float64, error) {
	batch := min(n.Training.BatchSize, probeBatch, n.TrainSize())
	s, err := e.NewSession(n.Arch, batch)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	state, err := models.InitialState(n.Arch, n.Training.Init, n.Seeds.Init)
	if err != nil {
		return 0, err
	}
	if err := s.SetState(state); err != nil {
		return 0, err
	}
	if err := s.Begin(n.Training.Optimizer); err != nil {
		return 0, err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	x, y := make([]float32, batch*n.Arch.Input.Size()), make([]int32, batch)
	for i := range x {
		x[i] = rng.Float32()
	}
	for i := range y {
		y[i] = rng.Int32N(int32(n.Arch.Classes))
	}
	start, best := time.Now(), math.Inf(1)
	for step := 0; step < 2 || time.Since(start).Seconds() < probeSeconds; step++ { // the first makes the buffers
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		began := time.Now()
		if _, err := s.Step(x, y, models.Draw{Step: uint64(step)}); err != nil {
			return 0, fmt.Errorf("timing a step: %w", err)
		}
		best = min(best, time.Since(began).Seconds())
	}
	epoch := best / float64(batch) * float64(n.TrainSize())
	if n.Arch.Has(models.BatchNorm) || n.Arch.Has(models.Dropout) {
		epoch *= 4. / 3
	}
	return epoch, nil
}
