// Package xla computes with networks through XLA: the layers of package models, forward and backward, are lowered to StableHLO and
// compiled and run by a PJRT plugin, on an NVIDIA GPU (the plugin of JAX's CUDA wheels) or on the processor.
//
// The plugin is a shared library that is found on the machine and loaded at run time, without a C compiler; nothing is downloaded. All programs have an axis of K networks of
// one architecture: a group trains many at once, and equal calls of several sessions are computed as one on a GPU.
//
// # Precision
//
// Products are taken in float32 (precision HIGHEST; TF32 is an option and is told by the engine's name); everything else that is summed (the loss,
// softmax denominators, batch statistics, gradients of biases and of batch norm, norms and inner products) in float64.
package xla

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Options say where to compute and how.
type Options struct {
	Plugin       string // the plugin's file; "": the first that is found
	Device       string // "cuda:0", "cuda", "cpu"; "": a GPU if there is a plugin for it, else the processor
	Precision    string // of products: "" or Float32, or TF32
	Convolutions string // "", Patches or Native: how they are computed; "" is what suits the device

	Tuned    bool // let XLA time its kernels and choose: faster on a GPU, and other bits in every run
	Quick    bool // compile for a processor without LLVM's optimizations: in half the time, slower programs with other bits; for tests of many programs. A GPU ignores it
	Together int  // equal calls of sessions that one program computes, other than those of training; 0: by the call and the architecture

	Getenv func(string) string // the environment, for the search; nil: none
}

// Values of Options.
const (
	Float32 = "float32" // products of float32 in float32
	TF32    = "tf32"    // products with 10 bits behind the point and sums in float32, on NVIDIA GPUs since Ampere; elsewhere what the device likes best
	Patches = "patches" // as products on the windows laid out as columns
	Native  = "native"  // XLA's own convolutions
)

// PathVariable names the plugin's file, or folders with such files, separated by colons. It is go-xla's and PyTorch/XLA's, too.
const PathVariable = "PJRT_PLUGIN_LIBRARY_PATH"

// PackagesVariable names folders with Python packages, separated by colons, where pip install --target put a plugin.
const PackagesVariable = "GENBENCH_PYTHON_PACKAGES"

func (o Options) validate() error {
	if !slices.Contains([]string{"", Float32, TF32}, o.Precision) {
		return fmt.Errorf("unknown precision %q (known: %s, %s)", o.Precision, Float32, TF32)
	}
	if !slices.Contains([]string{"", Patches, Native}, o.Convolutions) {
		return fmt.Errorf("unknown way to convolve %q (known: %s, %s)", o.Convolutions, Patches, Native)
	}
	if o.Together < 0 || o.Together > 1<<8 {
		return fmt.Errorf("%d calls together: 1 to %d are possible, 0 chooses", o.Together, 1<<8)
	}
	return nil
}

// device splits Device into platform, "" for any, and index.
func (o Options) device() (platform string, index int, err error) {
	platform, number, numbered := strings.Cut(o.Device, ":")
	if numbered {
		if index, err = strconv.Atoi(number); err != nil || index < 0 {
			return "", 0, fmt.Errorf("device %q: write cuda:0, cuda:1, ... or cpu", o.Device)
		}
	}
	if platform != "" && platform != "cuda" && platform != "cpu" {
		return "", 0, fmt.Errorf("device %q: known are cuda, cuda:0, cuda:1, ... and cpu", o.Device)
	}
	return platform, index, nil
}

// Plugin is a file that looks like a PJRT plugin.
type Plugin struct {
	Path     string
	Platform string // "cuda" or "cpu", by its name; "": unknown
	From     string // how it was found
	CUDA     string // folder with the CUDA tools of the same Python environment; "": none seen
}

// Description is what a plugin says of itself.
type Description struct {
	Plugin
	Interface string   // version of PJRT's C interface, "0.115"
	Devices   []string // "cuda:0 NVIDIA H100, 70.1 GiB"
	Problem   string   // why it cannot be used; "": it can
}

// wheels are where the wheels that hold a plugin put it, below a Python environment's packages.
var wheels = []struct{ platform, pattern, wheel string }{
	{"cuda", "jax_plugins/xla_cuda13/xla_cuda_plugin.so", "jax-cuda13-pjrt"},
	{"cuda", "jax_plugins/xla_cuda12/xla_cuda_plugin.so", "jax-cuda12-pjrt"},
	{"cpu", "lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so", "lammps-jax-pjrt-cpu"},
	{"cpu", "fastatomstruct_xla_cpu/libpjrt_cpu.so", "fastatomstruct-xla-cpu"},
	{"cpu", "xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so", "xla-cpu-pjrt"},
}

// cudaTools are where NVIDIA's wheels put ptxas and libdevice, beside the plugin's packages.
var cudaTools = []string{"nvidia/cu13", "nvidia/cuda_nvcc"}

// Find lists the plugins on this machine, in the order in which they are tried: those of $PJRT_PLUGIN_LIBRARY_PATH, of $GENBENCH_PYTHON_PACKAGES, of the active Python
// environment ($VIRTUAL_ENV, $CONDA_PREFIX), of the user's and the system's Python packages, and those that go-xla's installer left.
func Find(getenv func(string) string) []Plugin {
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	var found []Plugin
	add := func(p Plugin) {
		if info, err := os.Stat(p.Path); err != nil || info.IsDir() {
			return
		}
		if !slices.ContainsFunc(found, func(other Plugin) bool { return other.Path == p.Path }) {
			found = append(found, p)
		}
	}
	for _, entry := range filepath.SplitList(getenv(PathVariable)) {
		if info, err := os.Stat(entry); err == nil && info.IsDir() {
			for _, file := range glob(entry, "*pjrt*.so") {
				add(named(file, "$"+PathVariable))
			}
			continue
		}
		add(named(entry, "$"+PathVariable))
	}
	for _, packages := range packageFolders(getenv) {
		for _, w := range wheels {
			p := Plugin{Path: filepath.Join(packages, w.pattern), Platform: w.platform, From: "wheel " + w.wheel}
			for _, tools := range cudaTools {
				if folder := filepath.Join(packages, tools); p.CUDA == "" && w.platform == "cuda" && isFolder(folder) {
					p.CUDA = folder
				}
			}
			add(p)
		}
	}
	for _, folder := range []string{filepath.Join(getenv("HOME"), ".local/lib/go-xla"), "/usr/local/lib/go-xla"} {
		for _, file := range append(glob(folder, "pjrt_c_api_*_plugin.so"), glob(folder, "nvidia/pjrt_c_api_*_plugin.so")...) {
			add(named(file, "go-xla"))
		}
	}
	return found
}

// named guesses the platform from a file's name.
func named(file, from string) Plugin {
	p := Plugin{Path: file, From: from}
	for _, platform := range []string{"cuda", "cpu"} {
		if strings.Contains(filepath.Base(file), platform) {
			p.Platform = platform
			break
		}
	}
	return p
}

// packageFolders are the folders with Python packages, the active environment's first.
func packageFolders(getenv func(string) string) []string {
	folders := filepath.SplitList(getenv(PackagesVariable))
	for _, root := range []string{getenv("VIRTUAL_ENV"), getenv("CONDA_PREFIX"), filepath.Join(getenv("HOME"), ".local"), "/usr/local", "/usr"} {
		if root == "" || root == ".local" {
			continue
		}
		for _, kind := range []string{"site-packages", "dist-packages"} {
			folders = append(folders, glob(root, "lib/python3*/"+kind)...)
		}
	}
	return folders
}

// glob lists files, those of later versions first.
func glob(folder, pattern string) []string {
	files, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil {
		return nil // the pattern is ours; a folder with brackets in its name finds nothing
	}
	slices.Sort(files)
	slices.Reverse(files)
	return files
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// candidates lists the plugins for a platform, "" for any: a GPU's before a processor's.
func (o Options) candidates(platform string) ([]Plugin, error) {
	if o.Plugin != "" {
		return []Plugin{named(o.Plugin, "named")}, nil
	}
	found := Find(o.Getenv)
	var some []Plugin
	for _, want := range []string{"cuda", "", "cpu"} { // "": a name that tells nothing
		for _, p := range found {
			if p.Platform == want && (platform == "" || want == "" || platform == want) {
				some = append(some, p)
			}
		}
	}
	if len(some) > 0 {
		return some, nil
	}
	what := "PJRT plugin"
	if platform != "" {
		what += " for " + platform
	}
	return nil, errors.New("no " + what + " found; " + remedy(platform))
}

// Remedy says how a plugin is to be had.
func Remedy() string { return remedy("") }

// remedy is that for a platform, "" for any.
func remedy(platform string) string {
	const gpu, processor = "pip install jax[cuda13] for an NVIDIA GPU", "pip install lammps-jax-pjrt-cpu for the processor"
	how := gpu + ", or " + processor
	switch platform {
	case "cuda":
		how = gpu
	case "cpu":
		how = processor
	}
	return how + ", in a Python environment that is active ($VIRTUAL_ENV), or name a plugin's file in $" + PathVariable
}
