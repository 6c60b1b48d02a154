package harness

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// sibling is the network of a network's configuration with the next seed, the first after the last.
// The corpus fixes the pairs: what is trained and what is not moves none of them, so a store that grows
// keeps its answers. Where the sibling cannot be used there is a reason instead, and measures that need
// it are skipped: the network is the only one of its configuration, or the sibling is not in the store, or it
// missed the training target.
type sibling struct {
	record *corpora.Record // nil: none
	reason string
}

// key is what a result's key holds of the sibling. A reason counts too: another state of the store asks again.
func (s sibling) key() string {
	if s.record == nil {
		return "none: " + s.reason
	}
	return s.record.Tensors.FinalSHA256
}

// siblings finds the sibling of every record, by ID.
func (h *Harness) siblings(records []*corpora.Record) map[string]sibling {
	wanted := slices.ContainsFunc(h.columns, func(c Column) bool { return c.Info.Needs.Has(measure.Sibling) })
	out := make(map[string]sibling, len(records))
	if !wanted {
		return out
	}
	stored := make(map[string]*corpora.Record, len(records))
	for _, rec := range records {
		stored[rec.ID] = rec
	}
	for _, group := range configurations(h.o.Networks) {
		for i := range group {
			out[group[i].ID] = pair(group, i, stored)
		}
	}
	for _, rec := range records {
		if _, ok := out[rec.ID]; !ok {
			out[rec.ID] = sibling{reason: "the network is not of the corpus"}
		}
	}
	return out
}

// configurations groups networks that differ in nothing but the seed, each group by rising seed.
func configurations(networks []corpora.Network) [][]corpora.Network {
	of := map[string]int{}
	var groups [][]corpora.Network
	for _, n := range networks {
		// Settings are numbers and strings: encoding cannot fail. Networks that were imported and
		// those that were trained are never of one configuration.
		config, _ := json.Marshal(struct {
			Config   []corpora.Setting
			Imported bool
		}{n.Config, n.Imported})
		g, ok := of[string(config)]
		if !ok {
			g = len(groups)
			of[string(config)], groups = g, append(groups, nil)
		}
		groups[g] = append(groups[g], n)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b corpora.Network) int { return cmp.Compare(a.Seed, b.Seed) })
	}
	return groups
}

// pair is the sibling of network i of its configuration.
func pair(group []corpora.Network, i int, stored map[string]*corpora.Record) sibling {
	next := group[(i+1)%len(group)]
	if next.Seed == group[i].Seed {
		return sibling{reason: "no other seed of this configuration is in the corpus"}
	}
	rec := stored[next.ID]
	switch {
	case rec == nil:
		return sibling{reason: "the network of this configuration with the next seed is not in the store"}
	case !rec.Converged:
		return sibling{reason: fmt.Sprintf("the network of this configuration with the next seed missed its training target (%s)", rec.Stop)}
	}
	return sibling{record: rec}
}

// twin loads a sibling's tensors. Why it cannot is for the user: a plugin learns of no file and no ID.
func (wk *worker) twin(s sibling) (*quantity.Twin, error) {
	if s.record == nil {
		return nil, &quantity.Missing{Need: string(measure.Sibling), Reason: s.reason}
	}
	final, _, err := wk.h.o.Store.LoadNetwork(s.record)
	if err != nil {
		wk.h.o.Warn(fmt.Errorf("network %s, a sibling: %w", s.record.ID, err))
		return nil, errors.New("the sibling's files cannot be read; a warning of the run says why")
	}
	return &quantity.Twin{Hash: s.record.Tensors.FinalSHA256, Arch: s.record.Architecture, Final: final}, nil
}
