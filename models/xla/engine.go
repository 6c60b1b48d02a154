//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

// Supported says whether this build has the engine.
const Supported = true

// New finds and loads a plugin and makes an engine of one of its devices. Programs that were used last are kept until the process ends.
func New(o Options) (models.Engine, error) {
	e, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("starting the xla engine: %w", err)
	}
	return e, nil
}

// engine is one device and the programs compiled for it.
type engine struct {
	plugin  *pjrt.Plugin
	client  *pjrt.Client
	device  pjrt.Device
	options Options
	debug   map[string]any // XLA's options
	cache   *cache

	gatherer gatherer
	kept     *kept
}

var _ models.Engine = (*engine)(nil)

// clients are started plugins: a second client on one GPU would ask for memory that the first has.
var clients = struct {
	sync.Mutex
	byPath map[string]*started
}{byPath: map[string]*started{}}

// started is a plugin at work.
type started struct {
	plugin *pjrt.Plugin
	client *pjrt.Client
	cache  *cache
}

// start loads a plugin and starts its client once a process.
func start(path, platform string) (*started, error) {
	clients.Lock()
	defer clients.Unlock()
	if s := clients.byPath[path]; s != nil {
		return s, nil
	}
	p, err := pjrt.Open(path)
	if err != nil {
		return nil, err
	}
	var options map[string]any
	if platform == "cuda" {
		// Memory as it is needed: another program may compute on the same card.
		options = map[string]any{"preallocate": false}
	}
	c, err := p.NewClient(options)
	if err != nil {
		return nil, err
	}
	s := &started{p, c, newCache()}
	clients.byPath[path] = s
	return s, nil
}

func open(o Options) (*engine, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	platform, index, err := o.device()
	if err != nil {
		return nil, err
	}
	found, err := o.candidates(platform)
	if err != nil {
		return nil, err
	}
	var refused error
	for _, plugin := range found { // a plugin for CUDA may be there, and no GPU
		e, err := o.openWith(plugin, platform, index)
		if err == nil {
			return e, nil
		}
		refused = errors.Join(refused, err)
	}
	return nil, refused
}

// openWith makes an engine of a plugin's device.
func (o Options) openWith(found Plugin, platform string, index int) (*engine, error) {
	s, err := start(found.Path, found.Platform)
	if err != nil {
		return nil, err
	}
	p, c := s.plugin, s.client
	if platform != "" && c.Platform != platform {
		return nil, fmt.Errorf("plugin %s computes on %s, not on %s", p.Path, c.Platform, platform)
	}
	if index >= len(c.Devices()) {
		return nil, fmt.Errorf("there is no device %s:%d: plugin %s has %d, counted from 0", c.Platform, index, p.Path, len(c.Devices()))
	}
	d := c.Devices()[index]
	return &engine{plugin: p, client: c, device: d, options: o, debug: debugOptions(c.Platform, found, o), cache: s.cache, kept: newKept(d)}, nil
}

// debugOptions are XLA's for a platform. On a processor there are none but for [Options].Quick: LLVM's level 0, and one part a program, as several are compiled at once. On a GPU they ask for the same bits in every run: no operation that sums in any order, and no autotuning, which picks kernels by
// the clock. Without autotuning XLA (of jax-cuda13-pjrt 0.12.0.1) has no default for products that it would fuse by Triton, and refuses to compile; cuBLAS takes them all then.
func debugOptions(platform string, found Plugin, with Options) map[string]any {
	if platform != "cuda" {
		if with.Quick {
			return map[string]any{"xla_backend_optimization_level": int64(0), "xla_cpu_parallel_codegen_split_count": int64(1)}
		}
		return nil
	}
	o := map[string]any{}
	if !with.Tuned {
		o["xla_gpu_deterministic_ops"] = true
		o["xla_gpu_enable_triton_gemm"] = false
	}
	if found.CUDA != "" {
		o["xla_gpu_cuda_data_dir"] = found.CUDA
	}
	return o
}

// Name is "xla/cuda" or "xla/cpu"; products in less than float32, and sizes that were asked for, are told: they change bits.
func (e *engine) Name() string {
	name := "xla/" + strings.ToLower(e.client.Platform)
	if e.options.Precision == TF32 {
		name += "-tf32"
	}
	if e.options.Tuned {
		name += "-tuned"
	}
	if e.options.Quick {
		name += "-quick"
	}
	if e.options.Together > 0 {
		name += fmt.Sprintf("-t%d", e.options.Together)
	}
	return name
}

// how chooses forms for a program of k networks.
func (e *engine) how(k int) choices {
	c := choices{precision: hlo.Highest, patches: true}
	if e.options.Precision == TF32 {
		c.precision = hlo.Default
	}
	// One network's convolutions are cuDNN's own business; those of a group would be cuDNN's grouped ones, made for other shapes,
	// and XLA's on a processor are plain loops for all but the commonest.
	switch e.options.Convolutions {
	case Native:
		c.patches = false
	case "":
		c.patches = k > 1 || e.client.Platform == "cpu"
	}
	return c
}

func (e *engine) NewSession(a models.Architecture, maxBatch int) (models.Session, error) {
	if err := e.accepts(a); err != nil {
		return nil, fmt.Errorf("making a session on %s: %w", e.Name(), err)
	}
	if maxBatch < 1 {
		return nil, fmt.Errorf("making a session on %s: batches of at most %d examples", e.Name(), maxBatch)
	}
	s, err := newSession(e, a, maxBatch)
	if err != nil {
		return nil, fmt.Errorf("making a session on %s: %w", e.Name(), err)
	}
	return s, nil
}

func (e *engine) accepts(a models.Architecture) error {
	if err := a.Validate(); err != nil {
		return err
	}
	for _, l := range a.Layers {
		if !known(l.Kind) {
			return fmt.Errorf("layer %q is of kind %q, which this engine does not compute", l.Name, l.Kind)
		}
	}
	return nil
}
