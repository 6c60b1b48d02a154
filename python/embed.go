// Package python holds genbench's Python package as files, for measures that are
// written before it is installed anywhere. It has no behaviour.
package python

import "embed"

// Package is the folder genbench.
//
//go:embed genbench/*.py genbench/*.pyi genbench/py.typed
var Package embed.FS
