package rank

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Grid says where N networks lie in a grid of hyperparameters. Networks that
// agree on every axis are one configuration; they are its repeats and differ in
// the seed only. Without axes each network is a configuration of its own.
type Grid struct {
	n       int
	levels  [][]int   // [A][N], dense from 0
	given   [][]int   // [A][levels] as the caller numbers them, ascending
	others  [][]int32 // [A][C] the place of a configuration on all axes but one, dense from 0
	places  []int     // [A] number of such places
	config  []int     // [N], dense from 0
	configs int
	repeats []int // [C] networks of each configuration
	most    int   // networks of the configuration that has most
	seed    []int // [N], dense from 0
	seeds   int   // number of seeds

	once sync.Once
	sets []conditioning // by conditionings
}

// NewGrid makes a grid of n networks. levels is [A][N]: the level of each
// network on each axis, any non-negative numbers. The seed must not be an axis.
// seed, [N], tells repeats apart and is used by [PerSeed] alone; nil gives every
// network the same.
func NewGrid(n int, levels [][]int, seed []int) (*Grid, error) {
	if n < 1 {
		return nil, fmt.Errorf("a grid of %d networks", n)
	}
	g := &Grid{n: n, config: make([]int, n), seed: make([]int, n), seeds: 1}
	for a, axis := range levels {
		if len(axis) != n {
			return nil, fmt.Errorf("axis %d has %d levels for %d networks", a, len(axis), n)
		}
		if i := slices.IndexFunc(axis, func(l int) bool { return l < 0 }); i >= 0 {
			return nil, fmt.Errorf("axis %d has the negative level %d for network %d", a, axis[i], i)
		}
		dense, given := densely(axis)
		g.levels, g.given = append(g.levels, dense), append(g.given, given)
	}
	if seed != nil {
		if len(seed) != n {
			return nil, fmt.Errorf("%d seeds for %d networks", len(seed), n)
		}
		dense, given := densely(seed)
		g.seed, g.seeds = dense, len(given)
	}
	if len(levels) == 0 {
		for i := range g.config {
			g.config[i] = i
		}
		g.configs = n
	} else {
		ids := map[string]int{}
		for i := range n {
			g.config[i] = idOf(ids, g.key(i, -1))
		}
		g.configs = len(ids)
	}
	g.findPlaces()
	g.repeats = make([]int, g.configs)
	for _, c := range g.config {
		g.repeats[c]++
		g.most = max(g.most, g.repeats[c])
	}
	return g, nil
}

// Axes is the number of axes.
func (g *Grid) Axes() int { return len(g.levels) }

// Configurations is the number of configurations.
func (g *Grid) Configurations() int { return g.configs }

// Config is the configuration of each network, [N], dense from 0.
func (g *Grid) Config() []int { return slices.Clone(g.config) }

// findPlaces numbers what is left of the configurations without each axis.
func (g *Grid) findPlaces() {
	for a := range g.levels {
		ids := map[string]int{}
		others := make([]int32, g.configs)
		seen := 0
		for i, c := range g.config {
			if c == seen { // configurations are numbered in the order of their first networks
				others[c] = int32(idOf(ids, g.key(i, a)))
				seen++
			}
		}
		g.others, g.places = append(g.others, others), append(g.places, len(ids))
	}
}

// key names the position of network i on all axes but one.
func (g *Grid) key(i, without int) string {
	var b []byte
	for a, axis := range g.levels {
		if a != without {
			b = binary.AppendUvarint(b, uint64(axis[i]))
		}
	}
	return string(b)
}

func idOf(ids map[string]int, key string) int {
	id, ok := ids[key]
	if !ok {
		id = len(ids)
		ids[key] = id
	}
	return id
}

// densely renumbers values from 0 in increasing order.
func densely(v []int) (dense, levels []int) {
	levels = slices.Compact(slices.Sorted(slices.Values(v)))
	dense = make([]int, len(v))
	for i, l := range v {
		dense[i], _ = slices.BinarySearch(levels, l)
	}
	return dense, levels
}

// Repeats says what the networks of one configuration count as.
type Repeats int

// The three treatments of repeats. Where every configuration has one network
// they agree.
const (
	Mean    Repeats = iota // x and y are averaged over the repeats; a configuration is one point
	Pooled                 // every network is a point
	PerSeed                // only networks of equal seed are compared; τ, Spearman and Pearson are averaged over seeds
)

// Sample is a measure and a gap over the networks of a grid, ready for the
// statistics. It is read-only and safe for concurrent use.
type Sample struct {
	grid    *Grid
	repeats Repeats
	netX    []float64 // [N]
	netY    []float64 // [N]
	rangeX  float64   // largest less smallest of netX where it is defined
	rangeY  float64
	member  [][]int // [C] networks of each configuration that are defined
	n       int     // networks defined

	points []point
	cells  [][]cell // [A][]
	strata [][]int  // points by seed; one stratum unless PerSeed
}

// point is what is ranked: a configuration's mean, or a network.
type point struct {
	x, y    float64
	config  int
	network int // the network it came from first; two points of one network are not a pair
}

// cell holds the points that differ in one axis only.
type cell []int

// Sample pairs x with y over the grid, each [N]. defined, [N], marks the
// networks where x exists; nil means all. x and y must be finite where defined.
func (g *Grid) Sample(x, y []float64, defined []bool, r Repeats) (*Sample, error) {
	if len(x) != g.n || len(y) != g.n || defined != nil && len(defined) != g.n {
		return nil, fmt.Errorf("%d x, %d y and %d marks for a grid of %d networks", len(x), len(y), len(defined), g.n)
	}
	s := &Sample{grid: g, repeats: r, netX: x, netY: y, member: make([][]int, g.configs)}
	for i := range g.n {
		if defined != nil && !defined[i] {
			continue
		}
		if err := finiteAt(x, y, i); err != nil {
			return nil, err
		}
		s.member[g.config[i]] = append(s.member[g.config[i]], i)
		s.n++
	}
	s.rangeX, s.rangeY = s.spreadOf(x), s.spreadOf(y)
	for c, nets := range s.member {
		if len(nets) == 0 {
			continue
		}
		if r == Mean {
			mx, my := s.means(nets)
			s.points = append(s.points, point{x: mx, y: my, config: c, network: nets[0]})
			continue
		}
		for _, i := range nets {
			s.points = append(s.points, point{x: x[i], y: y[i], config: c, network: i})
		}
	}
	s.partition()
	return s, nil
}

// N is the number of networks where the measure is defined.
func (s *Sample) N() int { return s.n }

// Points is the number of points ranked.
func (s *Sample) Points() int { return len(s.points) }

// means averages x and y over networks of one configuration.
func (s *Sample) means(nets []int) (x, y float64) {
	return s.meanOf(s.netX, nets, s.rangeX), s.meanOf(s.netY, nets, s.rangeY)
}

// meanOf averages values whose range over all networks is spread. Means that agree
// on paper should tie, but (0.1+0.25)/2 and (0.15+0.2)/2 differ in the last bit;
// so in a grid with repeats a mean is rounded: see [rounded].
func (s *Sample) meanOf(v []float64, nets []int, spread float64) float64 {
	first := v[nets[0]] // differences from one value, so that equal values have that value for their mean
	if s.grid.most == 1 {
		return first
	}
	largest := math.Abs(first)
	var rest float64
	for _, i := range nets[1:] {
		rest += (v[i] - first) / float64(len(nets))
		largest = max(largest, math.Abs(v[i]))
	}
	return rounded(first+rest, spread, largest)
}

// rounded keeps 40 bits (1e-12) of the smaller of v and the spread of its kind, so
// that a large offset common to all does not swallow what tells them apart; but no
// more than a sum of numbers as large as largest has.
func rounded(v, spread, largest float64) float64 {
	quantum := max(min(math.Abs(v), spread)*0x1p-40, largest*0x1p-51)
	_, exponent := math.Frexp(quantum)
	if quantum = math.Ldexp(0.5, exponent); quantum == 0 {
		return v
	}
	return math.RoundToEven(v/quantum) * quantum
}

// spreadOf is the range of the values of the networks that are defined.
func (s *Sample) spreadOf(v []float64) float64 {
	least, most := math.Inf(1), math.Inf(-1)
	for _, nets := range s.member {
		for _, i := range nets {
			least, most = min(least, v[i]), max(most, v[i])
		}
	}
	return max(0, most-least)
}

func finiteAt(x, y []float64, i int) error {
	if err := finite("x", x[i:i+1]); err != nil {
		return fmt.Errorf("network %d: %w", i, err)
	}
	if err := finite("y", y[i:i+1]); err != nil {
		return fmt.Errorf("network %d: %w", i, err)
	}
	return nil
}

// partition groups points into strata and, for each axis, into cells.
func (s *Sample) partition() {
	strata := map[int][]int{}
	for p := range s.points {
		strata[s.stratum(p)] = append(strata[s.stratum(p)], p)
	}
	for _, k := range sortedKeys(strata) {
		s.strata = append(s.strata, strata[k])
	}
	s.cells = make([][]cell, s.grid.Axes())
	for a := range s.cells {
		ids := map[int]int{} // the cell of a place and a seed, numbered in the order of their first points
		for p, pt := range s.points {
			at := int(s.grid.others[a][pt.config])*s.grid.seeds + s.stratum(p)
			id, ok := ids[at]
			if !ok {
				id = len(ids)
				ids[at] = id
				s.cells[a] = append(s.cells[a], nil)
			}
			s.cells[a][id] = append(s.cells[a][id], p)
		}
	}
}

func (s *Sample) stratum(p int) int {
	if s.repeats != PerSeed {
		return 0
	}
	return s.grid.seed[s.points[p].network]
}

func sortedKeys[V any](m map[int]V) []int {
	keys := make([]int, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// values copies the points' coordinates.
func (s *Sample) values(points []int) (x, y []float64) {
	x, y = make([]float64, len(points)), make([]float64, len(points))
	for k, p := range points {
		x[k], y[k] = s.points[p].x, s.points[p].y
	}
	return x, y
}

// TauB is the overall Kendall τ-b of the points.
func (s *Sample) TauB() (float64, error) { return s.overall(TauB) }

// TauA is the overall Kendall τ-a of the points.
func (s *Sample) TauA() (float64, error) { return s.overall(TauA) }

// Spearman is the overall Spearman correlation of the points.
func (s *Sample) Spearman() (float64, error) { return s.overall(Spearman) }

// Pearson is the overall Pearson correlation of the points.
func (s *Sample) Pearson() (float64, error) { return s.overall(Pearson) }

func (s *Sample) overall(f func(x, y []float64) (float64, error)) (float64, error) {
	if len(s.strata) == 0 {
		return 0, undefined(TooFew, "n = 0: at least 2 are needed")
	}
	var sum float64
	var last error
	defined := 0
	for _, stratum := range s.strata {
		v, err := f(s.values(stratum))
		if err != nil {
			last = err
			continue
		}
		sum += v
		defined++
	}
	if defined == 0 {
		return 0, last
	}
	return sum / float64(defined), nil
}
