package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/models/enginetest"
)

// TestOutcomes: a line of a compiler's, however long, hides none of the answers behind it; the program that is read would wait for ever for somebody to take them.
func TestOutcomes(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	var log bytes.Buffer
	var got []enginetest.Outcome
	err := outcomes(strings.NewReader(`{"Part":"a","OK":true,"Seconds":1}`+"\n"+long+"\nnull\n"+`{"Part":"b"}`), &log, func(o enginetest.Outcome) error {
		got = append(got, o)
		return nil
	})
	if want := []enginetest.Outcome{{Part: "a", OK: true, Seconds: 1}, {Part: "b"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if log.String() != long+"\nnull\n" {
		t.Errorf("%d bytes of other lines, want %d", log.Len(), len(long)+6)
	}
}
