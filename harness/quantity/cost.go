package quantity

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Cost is what computing a quantity takes, in passes of the network over all
// examples of a split, beside the quantities that it rests on. Work on the examples
// alone, or on the weights once, is not counted: milliseconds on a network of
// some 100,000 weights.
type Cost struct {
	Forwards     float64 `json:"forwards"`      // F: the training set through the network
	Gradients    float64 `json:"gradients"`     // B: a gradient, with the forward pass that it takes; per-example reductions of gradients too
	Products     float64 `json:"products"`      // H: products of the Hessian with a vector
	TestForwards float64 `json:"test_forwards"` // Ft: the test inputs through the network
	SVDs         float64 `json:"svds"`          // decompositions of every weight matrix
	Moves        float64 `json:"moves"`         // of all weights, to where a pass looks; part of the time, not of the passes
	Circular     float64 `json:"circular"`      // spectral norms of every kernel's circular convolution; none of a network without convolutions
}

// Plus adds up.
func (c Cost) Plus(d Cost) Cost {
	return Cost{c.Forwards + d.Forwards, c.Gradients + d.Gradients, c.Products + d.Products, c.TestForwards + d.TestForwards, c.SVDs + d.SVDs, c.Moves + d.Moves, c.Circular + d.Circular}
}

// Max is the larger of each part.
func (c Cost) Max(d Cost) Cost {
	return Cost{max(c.Forwards, d.Forwards), max(c.Gradients, d.Gradients), max(c.Products, d.Products), max(c.TestForwards, d.TestForwards), max(c.SVDs, d.SVDs), max(c.Moves, d.Moves), max(c.Circular, d.Circular)}
}

// String is "66F + 12B"; "0" for no pass at all. F are forward passes, B gradients, H
// Hessian products, Ft forward passes over the test inputs, SVD decompositions of the weights, FFT the kernels' norms as circular convolutions.
func (c Cost) String() string {
	var parts []string
	for _, p := range []struct {
		passes float64
		unit   string
	}{{c.Forwards, "F"}, {c.TestForwards, "Ft"}, {c.Gradients, "B"}, {c.Products, "H"}, {c.SVDs, " SVD"}, {c.Circular, " FFT"}} {
		if p.passes == 0 {
			continue
		}
		n := strconv.FormatFloat(p.passes, 'f', 0, 64)
		switch {
		case p.passes < 1:
			n = strconv.FormatFloat(p.passes, 'g', 1, 64)
		case p.passes < 10:
			n = strconv.FormatFloat(p.passes, 'g', 2, 64)
		}
		parts = append(parts, n+p.unit)
	}
	if parts == nil {
		return "0"
	}
	return strings.Join(parts, " + ")
}

// Size is what the cost of a quantity depends on beside its arguments.
type Size struct{ Train, Test, Classes int } // examples of the splits; K

// Request is a quantity with canonical arguments: equal requests are one quantity.
type Request struct {
	Name string
	Args string // name=value, sorted, separated by commas
}

// String is "pac-bayes[kind=plain,rgm_compat=false]".
func (r Request) String() string {
	if r.Args == "" {
		return r.Name
	}
	return r.Name + "[" + r.Args + "]"
}

// Brief is String for people, with the arguments that differ from their defaults: "pac-bayes".
func (r Request) Brief() string {
	plain, err := Canonical(r.Name, nil)
	if err != nil {
		return r.String()
	}
	defaults, given := plain.given(), r.given()
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch {
		case given[name] == defaults[name]:
		case name == "examples" && given[name] == "0":
			differ = append(differ, "examples=all")
		default:
			differ = append(differ, name+"="+given[name])
		}
	}
	return Request{Name: r.Name, Args: strings.Join(differ, ",")}.String()
}

// given is what [Provider.Get] would be asked with.
func (r Request) given() map[string]string {
	args := map[string]string{}
	for _, kv := range strings.Split(r.Args, ",") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			args[k] = v
		}
	}
	return args
}

// Canonical is the request of a name and arguments, defaults filled in.
func Canonical(name string, args map[string]string) (Request, error) {
	_, a, err := find(name, args)
	if err != nil {
		return Request{}, err
	}
	return Request{Name: name, Args: a.String()}, nil
}

// With returns the request with another value of one of its arguments; unchanged where it has
// none of that name.
func (r Request) With(argument, value string) Request {
	args := r.given()
	if _, ok := args[argument]; !ok {
		return r
	}
	args[argument] = value
	return Request{Name: r.Name, Args: arguments(args).String()}
}

// Argument is the value of an argument, "" where it has none of that name.
func (r Request) Argument(name string) string { return r.given()[name] }

// Cost is what the request takes, beside what it rests on.
func (r Request) Cost(size Size) (usual, most Cost, err error) {
	k, a, err := find(r.Name, r.given())
	if err != nil {
		return Cost{}, Cost{}, err
	}
	if k.cost == nil {
		return Cost{}, Cost{}, fmt.Errorf("the cost of quantity %s is not declared", r.Name)
	}
	usual, most = k.cost(a, size)
	return usual, most, nil
}

// asking is the key of a context's value: the request whose computation asks.
type asking struct{}

// asked notes that the computation of another quantity, if ctx is of one, rests on r.
func (p *Provider) asked(ctx context.Context, r Request) {
	by, ok := ctx.Value(asking{}).(Request)
	if !ok || by == r {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rests == nil {
		p.rests = map[Request]map[Request]bool{}
	}
	if p.rests[by] == nil {
		p.rests[by] = map[Request]bool{}
	}
	p.rests[by][r] = true
}

// Rests returns the requests with all that they rest on, as far as this provider computed
// them: what came from the cache is not known to rest on anything.
func (p *Provider) Rests(rs ...Request) map[Request]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[Request]bool{}
	for len(rs) > 0 {
		r := rs[0]
		rs = rs[1:]
		if all[r] {
			continue
		}
		all[r] = true
		for s := range p.rests[r] {
			rs = append(rs, s)
		}
	}
	return all
}

// Total is what requests take together, each once. The order of the sum is fixed, and so are its bits.
func Total(requests map[Request]bool, size Size) (usual, most Cost, err error) {
	for _, r := range slices.SortedFunc(maps.Keys(requests), func(a, b Request) int { return strings.Compare(a.String(), b.String()) }) {
		u, m, err := r.Cost(size)
		if err != nil {
			return Cost{}, Cost{}, err
		}
		usual, most = usual.Plus(u), most.Plus(m)
	}
	return usual, most, nil
}
