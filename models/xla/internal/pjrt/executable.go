//go:build linux && (amd64 || arm64) && xla

package pjrt

import (
	"errors"
	"fmt"
	"runtime"
	"sort"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// Executable is a compiled program for one device.
type Executable struct {
	device  Device
	handle  uintptr
	outputs int
}

// Compile compiles a StableHLO module in MLIR's text, whose function main answers so many arrays, for the device. Options are XLA's
// debug options (xla.proto, DebugOptions) by name; values are bool, int64 or string.
func (d Device) Compile(mlir string, outputs int, options map[string]any) (*Executable, error) {
	wire, err := compileOptions(d.Index, options)
	if err != nil {
		return nil, err
	}
	code, format := []byte(mlir), []byte("mlir")
	p := &program{code: unsafe.Pointer(&code[0]), length: uintptr(len(code)), format: unsafe.Pointer(&format[0]), formatIs: uintptr(len(format))}
	p.size = unsafe.Sizeof(*p)
	a := &compileArgs{client: d.client.handle, program: unsafe.Pointer(p), options: unsafe.Pointer(&wire[0]), length: uintptr(len(wire))}
	a.size = unsafe.Sizeof(*a)
	if err := call(d.client.plugin, slotCompile, a); err != nil {
		return nil, fmt.Errorf("compiling: %w", err)
	}
	e := &Executable{device: d, handle: a.executable, outputs: outputs}
	runtime.SetFinalizer(e, (*Executable).Free)
	return e, nil
}

// compileOptions encodes an xla.CompileOptionsProto (xla/pjrt/proto/compile_options.proto): one replica, one
// partition, on the given device, and overrides of debug options.
func compileOptions(device int, options map[string]any) ([]byte, error) {
	varint := func(b []byte, field protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
	}
	message := func(b []byte, field protowire.Number, m []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
	}
	build := varint(nil, 4, 1) // num_replicas
	build = varint(build, 5, 1)
	assigned := varint(varint(nil, 1, 1), 2, 1)                     // DeviceAssignmentProto: replica_count, computation_count,
	assigned = message(assigned, 3, varint(nil, 1, uint64(device))) // computation_devices: replica_device_ids
	build = message(build, 9, assigned)
	wire := message(nil, 3, build) // executable_build_options
	var names []string
	for name := range options {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		var value []byte
		switch v := options[name].(type) {
		case string:
			value = message(nil, 1, []byte(v))
		case bool:
			value = varint(nil, 2, protowire.EncodeBool(v))
		case int64:
			value = varint(nil, 3, uint64(v))
		default:
			return nil, fmt.Errorf("XLA option %s has a value of type %T: string, bool and int64 are possible", name, v)
		}
		wire = message(wire, 7, message(message(nil, 1, []byte(name)), 2, value)) // env_option_overrides
	}
	return wire, nil
}

// Run runs the program and answers its arrays, which may still be computed when it returns.
func (e *Executable) Run(arguments ...*Array) ([]*Array, error) {
	return e.run(nil, arguments)
}

// RunToEnd is Run that returns when the device has computed all.
func (e *Executable) RunToEnd(arguments ...*Array) ([]*Array, error) {
	done := make([]uintptr, 1)
	arrays, err := e.run(done, arguments)
	if err != nil {
		return nil, err
	}
	if err := e.device.client.plugin.await(done[0]); err != nil {
		for _, a := range arrays {
			a.Free()
		}
		return nil, fmt.Errorf("running a program: %w", err)
	}
	return arrays, nil
}

// run writes the event of completion to done, if there is room for it.
func (e *Executable) run(done []uintptr, arguments []*Array) ([]*Array, error) {
	if e.handle == 0 {
		return nil, errors.New("running a program that was freed")
	}
	in := make([]uintptr, len(arguments)+1) // never empty
	for i, a := range arguments {
		if a == nil || a.handle == 0 {
			return nil, fmt.Errorf("running a program: argument %d was freed", i)
		}
		in[i] = a.handle
	}
	out := make([]uintptr, e.outputs+1)
	ins, outs := []unsafe.Pointer{unsafe.Pointer(&in[0])}, []unsafe.Pointer{unsafe.Pointer(&out[0])}
	options := &executeOptions{}
	options.size = unsafe.Sizeof(*options)
	a := &executeArgs{
		executable: e.handle, options: unsafe.Pointer(options), devices: 1, count: uintptr(len(arguments)),
		arguments: unsafe.Pointer(&ins[0]), outputs: unsafe.Pointer(&outs[0]),
	}
	a.size = unsafe.Sizeof(*a)
	if len(done) > 0 {
		a.events = unsafe.Pointer(&done[0])
	}
	err := call(e.device.client.plugin, slotExecute, a)
	runtime.KeepAlive(arguments)
	runtime.KeepAlive(e)
	if err != nil {
		return nil, fmt.Errorf("running a program: %w", err)
	}
	arrays := make([]*Array, e.outputs)
	for i := range arrays {
		arrays[i] = newArray(e.device, out[i])
	}
	return arrays, nil
}

// Free gives the program's memory back. A second call does nothing.
func (e *Executable) Free() {
	if e == nil || e.handle == 0 {
		return
	}
	a := &executableArgs{executable: e.handle}
	a.size = unsafe.Sizeof(*a)
	e.handle = 0
	runtime.SetFinalizer(e, nil)
	_ = call(e.device.client.plugin, slotExecutableDestroy, a)
}
