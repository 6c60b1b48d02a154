package corpora

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"

	"github.com/genbench/genbench/models"
	"github.com/goccy/go-yaml/ast"
)

// maxSnapshots bounds what is kept of one network: more is a slip of the pen.
const maxSnapshots = 10_000

// Mark is when a snapshot is taken: one number, or numbers at equal distances. A spec and corpus.json write it as
// the number, or as "every N", "every N from A", "every N to B" or "every N from A to B".
// "every N" alone are the multiples of N from N on.
type Mark struct {
	From, To int // both included; To is 0 where there is no end
	Every    int // 0: the one number From
}

// At makes a mark of one number.
func At(n int) Mark { return Mark{From: n, To: n} }

var marks = regexp.MustCompile(`^every ([0-9]{1,9})(?: from ([0-9]{1,9}))?(?: to ([0-9]{1,9}))?$`)

// parseMark reads "every N from A to B".
func parseMark(s string) (Mark, bool) {
	m := marks.FindStringSubmatch(s)
	if m == nil {
		return Mark{}, false
	}
	number := func(s string, none int) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			return none
		}
		return n
	}
	out := Mark{Every: number(m[1], 0)}
	out.From, out.To = number(m[2], out.Every), number(m[3], 0)
	return out, out.Every > 0 && (m[3] == "" || out.To >= out.From && out.To > 0)
}

// String is the mark as a spec has it.
func (m Mark) String() string {
	if m.Every == 0 {
		return strconv.Itoa(m.From)
	}
	s := fmt.Sprintf("every %d", m.Every)
	if m.From != m.Every {
		s += fmt.Sprintf(" from %d", m.From)
	}
	if m.To > 0 {
		s += fmt.Sprintf(" to %d", m.To)
	}
	return s
}

// MarshalJSON writes a number or a text.
func (m Mark) MarshalJSON() ([]byte, error) {
	if m.Every == 0 {
		return json.Marshal(m.From)
	}
	return json.Marshal(m.String())
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Mark) UnmarshalJSON(b []byte) error {
	var n int
	if err := json.Unmarshal(b, &n); err == nil && n >= 0 {
		*m = At(n)
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("%s is not when to take a snapshot; give a number or %s", b, markForm)
	}
	var ok bool
	if *m, ok = parseMark(s); !ok {
		return fmt.Errorf("%q is not when to take a snapshot; give a number or %s", clip(s), markForm)
	}
	return nil
}

const markForm = `"every N", with "from A" and "to B" as needed`

// expand lists the numbers of the marks up to the last possible one, ascending and each once; at most maxSnapshots+1.
func expand(all []Mark, last int) []int {
	var out []int
	for _, m := range all {
		to := last
		if m.To > 0 || m.Every == 0 {
			to = min(last, m.To)
		}
		if m.Every == 0 {
			if m.From <= last {
				out = append(out, m.From)
			}
			continue
		}
		for n := m.From; n <= to && len(out) <= maxSnapshots; n += m.Every {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// keepSnapshots settles which epochs and steps this network can reach.
func (n *Network) keepSnapshots(k Keep) error {
	t := &n.Training
	batches := (n.TrainSize() + t.BatchSize - 1) / t.BatchSize
	t.Snapshots = expand(k.Snapshots, t.MaxEpochs)
	t.SnapshotSteps = expand(k.SnapshotSteps, t.MaxEpochs*batches)
	if len(t.Snapshots)+len(t.SnapshotSteps) > maxSnapshots {
		return fmt.Errorf("more than %d snapshots of one network", maxSnapshots)
	}
	return nil
}

// keep reads what is kept of each network.
func (p *specParser) keep(node ast.Node) {
	p.mapping(node, "keep", []string{"init", "snapshots", "snapshot_steps"}, func(key string, at pos, v ast.Node) {
		field := "keep." + key
		p.spec.at[field] = at
		switch key {
		case "init":
			if v, ok := p.value(v, field, hyper{kind: truth}); ok {
				p.spec.Keep.Init = v.number != 0
			}
		case "snapshots":
			p.spec.Keep.Snapshots = p.marks(v, field, 0)
		case "snapshot_steps":
			p.spec.Keep.SnapshotSteps = p.marks(v, field, 1)
		}
	})
}

// marks reads a list of numbers and of "every N", which may be empty.
func (p *specParser) marks(node ast.Node, field string, least float64) []Mark {
	var out []Mark
	p.sequence(node, field, func(i int, item ast.Node) {
		name := fmt.Sprintf("%s[%d]", field, i)
		m, ok := p.mark(item, name, least)
		if !ok {
			return
		}
		if j := slices.Index(out, m); j >= 0 {
			p.fail(position(item), name, "remove it", "%s is already there, at [%d]", m, j)
			return
		}
		out = append(out, m)
	})
	return out
}

func (p *specParser) mark(item ast.Node, name string, least float64) (Mark, bool) {
	if v, ok := scalar(item); ok && v.kind == text {
		m, ok := parseMark(v.text)
		switch {
		case !ok:
			p.fail(position(item), name, "give a number or "+markForm, "%s does not say when", v.quoted())
		case float64(m.From) < least:
			p.fail(position(item), name, fmt.Sprintf("begin at %v or later; keep.snapshots: [0] is before training", least), "%s begins too early", v.quoted())
		default:
			return m, true
		}
		return Mark{}, false
	}
	v, ok := p.value(item, name, hyper{whole: true, min: least, max: 1 << 30})
	return At(int(v.number)), ok
}

// name of the file, below the network's folder.
func (f SnapshotFile) name() string {
	if f.Step > 0 {
		return fmt.Sprintf("%s/step-%d.safetensors", snapshotsDir, f.Step)
	}
	return fmt.Sprintf("%s/%d.safetensors", snapshotsDir, f.Epoch)
}

func (f SnapshotFile) what() string {
	if f.Step > 0 {
		return fmt.Sprintf("step %d", f.Step)
	}
	return fmt.Sprintf("epoch %d", f.Epoch)
}

// LoadSnapshot reads the tensors that were kept after an epoch; fs.ErrNotExist where none were.
func (s *Store) LoadSnapshot(r *Record, epoch int) (models.State, error) {
	return s.snapshot(r, SnapshotFile{Epoch: epoch})
}

// LoadStep reads the tensors that were kept after an optimizer step, from 1; fs.ErrNotExist where none were.
func (s *Store) LoadStep(r *Record, step int) (models.State, error) {
	return s.snapshot(r, SnapshotFile{Step: step})
}

func (s *Store) snapshot(r *Record, wanted SnapshotFile) (models.State, error) {
	for _, f := range r.Tensors.Snapshots {
		if f.name() == wanted.name() {
			return s.tensors(r, f.name(), f.FileSHA256, "")
		}
	}
	return nil, fmt.Errorf("network %s: no snapshot of %s: %w", r.ID, wanted.what(), fs.ErrNotExist)
}

// lacksSnapshots reports whether one that the training reached was not kept.
func lacksSnapshots(r *Record, t *models.Training) bool {
	kept := map[string]bool{}
	for _, f := range r.Tensors.Snapshots {
		kept[f.name()] = true
	}
	for _, epoch := range t.Snapshots {
		if epoch <= r.Epochs && !kept[SnapshotFile{Epoch: epoch}.name()] {
			return true
		}
	}
	for _, step := range t.SnapshotSteps {
		if step <= r.Steps && !kept[SnapshotFile{Step: step}.name()] {
			return true
		}
	}
	return false
}

// snapshotBytes is what the store takes for the network's snapshots, if it reaches them all.
func (n *Network) snapshotBytes(size archSize) int64 {
	return int64(len(n.Training.Snapshots)+len(n.Training.SnapshotSteps)) * (tensorBytes(size) + 150) // and a line in the record
}

// tensorBytes is one file of tensors.
func tensorBytes(size archSize) int64 { return 4*size.values + 2048 }
