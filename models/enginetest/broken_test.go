package enginetest

import (
	"testing"

	"github.com/genbench/genbench/models"
)

// TestBrokenImages checks that each network is refused for what is wrong with it alone: before the edit it is valid.
func TestBrokenImages(t *testing.T) {
	a := sized(models.Shape{C: 2, H: 5, W: 4}, 3, conv("c", 3, 3, 1, 1), norm("n"), add("s", "c"), pool("p", models.MaxPool, 3, 2, 0), dense("fc", 3))
	must(t, a.Validate())
	for what, a := range brokenImages() {
		if err := a.Validate(); err == nil {
			t.Errorf("%s is valid", what)
		} else {
			t.Logf("%s: %v", what, err)
		}
	}
}
