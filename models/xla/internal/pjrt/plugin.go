//go:build linux && (amd64 || arm64) && xla

// Package pjrt calls a PJRT plugin: a shared library that compiles StableHLO and runs it on a device. It binds
// what models/xla needs of PJRT's C interface (openxla/xla, xla/pjrt/c/pjrt_c_api.h) without a C compiler, by
// loading the library at run time (ebitengine/purego). It never downloads anything.
//
// # Versions
//
// The interface's table of functions only grows, so an entry's place holds for every plugin that has it. Structures grow, too,
// and each begins with its size: a plugin refuses one that is smaller than the one it was compiled with, and reads of a larger
// one what it knows. Structures here are those of interface 0.114, those that are known to grow with room
// behind them, zero: the value that means "not given". So plugins both older and newer than the header are served.
// Tried: 0.81, 0.106 and 0.115.
package pjrt

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Places in the table of functions, counted from the first behind the version. Checked against the headers of 0.81, 0.83 and 0.114.
const (
	slotErrorDestroy         = 0
	slotErrorMessage         = 1
	slotPluginInitialize     = 3
	slotEventDestroy         = 5
	slotEventAwait           = 8
	slotClientCreate         = 10
	slotClientDestroy        = 11
	slotPlatformName         = 12
	slotPlatformVersion      = 14
	slotAddressableDevices   = 16
	slotCompile              = 20
	slotBufferFromHostBuffer = 22
	slotDeviceKind           = 26
	slotDeviceDescription    = 29
	slotMemoryStats          = 34
	slotExecutableDestroy    = 50
	slotExecute              = 55
	slotBufferDestroy        = 58
	slotBufferToHost         = 70
)

// tableOffset is where the table begins, in bytes, in PJRT_Api: behind struct_size, extension_start and the version's structure of 24 bytes.
const tableOffset = 40

// minor is the oldest interface that is served: the oldest that was tried.
const minor = 81

// Plugin is a loaded library. It stays loaded until the program ends: PJRT has no way to take one down.
type Plugin struct {
	Path  string
	Major int // of the interface that the plugin speaks
	Minor int

	api uintptr
}

// Open loads the plugin. A file that is no plugin, and an interface that cannot be served, are errors.
func Open(path string) (*Plugin, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("PJRT plugin: %w", err)
	}
	lib, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("PJRT plugin %s does not load: %w", path, err)
	}
	get, err := purego.Dlsym(lib, "GetPjrtApi")
	if err != nil {
		return nil, fmt.Errorf("%s is no PJRT plugin: it does not export GetPjrtApi", path)
	}
	api, _, _ := purego.SyscallN(get)
	if api == 0 {
		return nil, fmt.Errorf("PJRT plugin %s: GetPjrtApi answers nothing", path)
	}
	p := &Plugin{Path: path, api: api, Major: int(*at[int32](api, 32)), Minor: int(*at[int32](api, 36))}
	if p.Major != 0 || p.Minor < minor {
		return nil, fmt.Errorf("PJRT plugin %s speaks interface %d.%d: 0.%d or a later 0.x is needed", path, p.Major, p.Minor, minor)
	}
	args := &pluginInitializeArgs{}
	args.size = unsafe.Sizeof(*args)
	if err := call(p, slotPluginInitialize, args); err != nil {
		return nil, fmt.Errorf("PJRT plugin %s does not start: %w", path, err)
	}
	return p, nil
}

// Version is the interface's, "0.115".
func (p *Plugin) Version() string { return fmt.Sprintf("%d.%d", p.Major, p.Minor) }

// at is the value at an offset of memory that the plugin owns.
func at[T any](base uintptr, offset uintptr) *T {
	base += offset
	return (*T)(*(*unsafe.Pointer)(unsafe.Pointer(&base))) // memory of C's: the collector neither moves nor frees it
}

// call calls the function at a place in the table. args is a structure on the heap whose Go pointers are typed as such, so that all it
// names lives until the call returns.
func call[T any](p *Plugin, slot uintptr, args *T) error {
	if size := *at[uintptr](p.api, 0); size < tableOffset+8*(slot+1) {
		return fmt.Errorf("the plugin's table of functions ends before entry %d", slot)
	}
	f := *at[uintptr](p.api, tableOffset+8*slot)
	if f == 0 {
		return fmt.Errorf("the plugin does not offer entry %d of the interface", slot)
	}
	var pinned runtime.Pinner
	defer pinned.Unpin()
	pinned.Pin(args)
	result, _, _ := purego.SyscallN(f, uintptr(unsafe.Pointer(args)))
	runtime.KeepAlive(args)
	if result == 0 {
		return nil
	}
	return p.failure(result)
}

// failure is the plugin's error as Go's. It frees it.
func (p *Plugin) failure(handle uintptr) error {
	text := "unknown error"
	m := &errorMessageArgs{error: handle}
	m.size = unsafe.Sizeof(*m)
	purego.SyscallN(*at[uintptr](p.api, tableOffset+8*slotErrorMessage), uintptr(unsafe.Pointer(m)))
	if m.message != 0 {
		text = stringAt(m.message, m.length)
	}
	d := &errorDestroyArgs{error: handle}
	d.size = unsafe.Sizeof(*d)
	purego.SyscallN(*at[uintptr](p.api, tableOffset+8*slotErrorDestroy), uintptr(unsafe.Pointer(d)))
	return errors.New(text)
}

// stringAt copies a string that the plugin owns.
func stringAt(base, length uintptr) string {
	if base == 0 || length == 0 {
		return ""
	}
	return string(unsafe.Slice(at[byte](base, 0), length))
}

// await waits for an event, frees it and answers its error. 0 is no event.
func (p *Plugin) await(event uintptr) error {
	if event == 0 {
		return nil
	}
	w := &eventArgs{event: event}
	w.size = unsafe.Sizeof(*w)
	err := call(p, slotEventAwait, w)
	d := &eventArgs{event: event}
	d.size = unsafe.Sizeof(*d)
	return errors.Join(err, call(p, slotEventDestroy, d))
}
