package corpora

import (
	"encoding/json"
	"slices"
	"testing"
)

// TestMarks: what a spec asks for, as it is written, read again, and spelt out.
func TestMarks(t *testing.T) {
	for _, c := range []struct {
		text string
		last int
		want []int
		form string
	}{
		{`[0, 1, 5]`, 4, []int{0, 1}, `[0,1,5]`},
		{`[0, 1, "every 20 from 5"]`, 50, []int{0, 1, 5, 25, 45}, `[0,1,"every 20 from 5"]`},
		{`["every 10"]`, 30, []int{10, 20, 30}, `["every 10"]`},
		{`["every 10 from 10 to 25"]`, 100, []int{10, 20}, `["every 10 to 25"]`},
		{`["every 1 to 3", "every 2 to 6", 7]`, 100, []int{1, 2, 3, 4, 6, 7}, `["every 1 to 3","every 2 to 6",7]`},
		{`["every 2 from 0 to 4"]`, 3, []int{0, 2}, `["every 2 from 0 to 4"]`},
		{`[]`, 3, nil, `[]`},
	} {
		var marks []Mark
		if err := json.Unmarshal([]byte(c.text), &marks); err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := expand(marks, c.last); !slices.Equal(got, c.want) {
			t.Errorf("%s up to %d is %v, want %v", c.text, c.last, got, c.want)
		}
		if b, err := json.Marshal(marks); err != nil || string(b) != c.form {
			t.Errorf("%s is written %s, %v", c.text, b, err)
		}
	}
	for _, bad := range []string{`-1`, `1.5`, `"every"`, `"every 0"`, `"every 3 to 0"`, `"every 3 from 5 to 4"`, `"every 1234567890"`, `true`, `"Every 3"`} {
		if err := json.Unmarshal([]byte(bad), new(Mark)); err == nil {
			t.Errorf("%s is a mark", bad)
		}
	}
}

// TestSnapshotsInThePlan: a plan's disk counts them, at the size of their files.
func TestSnapshotsInThePlan(t *testing.T) {
	bytes := func(keep string) (all, snapshots int64) {
		s, nets := open(t, t.TempDir(), small+"keep: {"+keep+"}\n")
		p, err := MakePlan(t.Context(), s, nets, engine(t), "")
		if err != nil {
			t.Fatal(err)
		}
		return p.Bytes, p.SnapshotBytes
	}
	without, none := bytes("init: true")
	with, five := bytes("snapshots: [0, every 2], snapshot_steps: [1, 2, 3]") // epochs 0 and 2 of 3
	if none != 0 || with-without != five || five <= 0 {
		t.Fatalf("%d and %d bytes, of which %d and %d for snapshots", without, with, none, five)
	}
	// 14x14 -> 8 -> 10 and 14x14 -> 8 -> 8 -> 10, float32, two seeds
	const values = (196*8 + 8 + 80 + 10) + (196*8 + 8 + 64 + 8 + 80 + 10)
	if floor := int64(2 * 5 * 4 * values); five < floor || five > 2*floor {
		t.Errorf("%d bytes for snapshots whose values take %d", five, floor)
	}
}
