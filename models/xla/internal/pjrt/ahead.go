//go:build linux && (amd64 || arm64) && xla

package pjrt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

const (
	slotPlainExecutableDestroy = 40
	slotTopologyCreate         = 82
	slotTopologyDestroy        = 83
	slotCompileFor             = 89
	slotMemoryNeeds            = 96
)

// Target is a GPU that is not there: a plugin for CUDA compiles for it all the same, given ptxas and libdevice.
type Target struct {
	plugin *Plugin
	handle uintptr
}

// Needs is the memory of a compiled program on its device, in bytes.
type Needs struct{ Arguments, Outputs, Temporary int64 }

type topologyCreateArgs struct {
	head
	_       [2]uintptr // a name: the options tell all
	options unsafe.Pointer
	count   uintptr
	handle  uintptr
}

type topologyArgs struct {
	head
	handle uintptr
}

type compileForArgs struct {
	head
	topology   uintptr
	program    unsafe.Pointer
	options    unsafe.Pointer
	length     uintptr
	_          uintptr // a client: none
	executable uintptr
}

type memoryNeedsArgs struct {
	head
	executable uintptr
	_          int64 // code: not told
	arguments  int64
	outputs    int64
	_          int64 // aliases
	temporary  int64
	_          [5]int64 // on the host
	_          room
}

// TargetOf describes a GPU by the name that XLA knows it by, "NVIDIA H100 80GB HBM3": XLA's plugins for CUDA carry the properties of many
// (xla/backends/gpu/target_config/specs), as text, which is taken from there.
func (p *Plugin) TargetOf(device string) (*Target, error) {
	file, err := os.ReadFile(p.Path)
	if err != nil {
		return nil, err
	}
	const begin = "gpu_device_info {"
	named := []byte(`device_description_str: "` + device + `"`)
	for at := bytes.Index(file, []byte(begin)); at >= 0; {
		text, _, _ := bytes.Cut(file[at:], []byte{0})
		if bytes.Contains(text, named) {
			return p.target(string(text))
		}
		next := bytes.Index(file[at+1:], []byte(begin))
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return nil, fmt.Errorf("plugin %s does not know the device %q", p.Path, device)
}

// target describes a GPU by an xla.GpuTargetConfigProto in text.
func (p *Plugin) target(config string) (*Target, error) {
	var pinned runtime.Pinner
	defer pinned.Unpin()
	option := func(name, value string) namedValue {
		v := namedValue{name: unsafe.Pointer(unsafe.StringData(name)), length: uintptr(len(name)), kind: kindString, count: uintptr(len(value))}
		v.size = unsafe.Sizeof(v)
		data := []byte(value)
		pinned.Pin(&data[0])
		binary.NativeEndian.PutUint64(v.value[:], uint64(uintptr(unsafe.Pointer(&data[0]))))
		return v
	}
	options := []namedValue{option("target_config", config), option("topology", "1x1x1")}
	a := &topologyCreateArgs{options: unsafe.Pointer(&options[0]), count: uintptr(len(options))}
	a.size = unsafe.Sizeof(*a)
	if err := call(p, slotTopologyCreate, a); err != nil {
		return nil, fmt.Errorf("describing a GPU: %w", err)
	}
	return &Target{p, a.handle}, nil
}

// Compile compiles a module for the target, as [Device.Compile] does, and answers what it needs. The program cannot be run.
func (t *Target) Compile(mlir string, options map[string]any) (n Needs, err error) {
	wire, err := compileOptions(0, options)
	if err != nil {
		return n, err
	}
	code, format := []byte(mlir), []byte("mlir")
	p := &program{code: unsafe.Pointer(&code[0]), length: uintptr(len(code)), format: unsafe.Pointer(&format[0]), formatIs: uintptr(len(format))}
	p.size = unsafe.Sizeof(*p)
	a := &compileForArgs{topology: t.handle, program: unsafe.Pointer(p), options: unsafe.Pointer(&wire[0]), length: uintptr(len(wire))}
	a.size = unsafe.Sizeof(*a)
	if err := call(t.plugin, slotCompileFor, a); err != nil {
		return n, fmt.Errorf("compiling: %w", err)
	}
	defer func() {
		d := &executableArgs{executable: a.executable}
		d.size = unsafe.Sizeof(*d)
		err = errors.Join(err, call(t.plugin, slotPlainExecutableDestroy, d))
	}()
	m := &memoryNeedsArgs{executable: a.executable}
	m.size = unsafe.Sizeof(*m)
	if err := call(t.plugin, slotMemoryNeeds, m); err != nil {
		return n, fmt.Errorf("asking for a program's memory: %w", err)
	}
	return Needs{m.arguments, m.outputs, m.temporary}, nil
}

// Close frees the description.
func (t *Target) Close() error {
	if t.handle == 0 {
		return nil
	}
	d := &topologyArgs{handle: t.handle}
	d.size = unsafe.Sizeof(*d)
	t.handle = 0
	return call(t.plugin, slotTopologyDestroy, d)
}
