//go:build linux && (amd64 || arm64) && xla

package pjrt

import "unsafe"

// The structures of pjrt_c_api.h, version 0.114. Handles of the plugin are uintptr; what Go owns is an unsafe.Pointer, so that it
// lives as long as the structure. A field with no name is one that stays zero.

// head begins every structure.
type head struct {
	size      uintptr
	extension uintptr
}

// room is left behind structures that are known to have grown.
type room [16]uintptr

type pluginInitializeArgs struct{ head }

type errorMessageArgs struct {
	head
	error   uintptr
	message uintptr
	length  uintptr
}

type errorDestroyArgs struct {
	head
	error uintptr
}

type eventArgs struct {
	head
	event uintptr
}

// namedValue's value is a string's address, or a number's or a boolean's bits; its size is 1 for scalars.
type namedValue struct {
	head
	name   unsafe.Pointer
	length uintptr
	kind   int32
	_      int32
	value  [8]byte
	count  uintptr
}

// Kinds of namedValue.
const (
	kindString = 0
	kindInt64  = 1
	kindFloat  = 3
	kindBool   = 4
)

type clientCreateArgs struct {
	head
	options unsafe.Pointer
	count   uintptr
	_       [4]uintptr // callbacks to get and put keys
	client  uintptr
	_       [2]uintptr // a callback
	_       room
}

// clientArgs destroys one.
type clientArgs struct {
	head
	client uintptr
}

// textArgs asks a client or a description for a string.
type textArgs struct {
	head
	of     uintptr
	text   uintptr
	length uintptr
}

type devicesArgs struct {
	head
	client  uintptr
	devices uintptr
	count   uintptr
}

type descriptionArgs struct {
	head
	device      uintptr
	description uintptr
}

// optional is a number that a device may know.
type optional struct {
	value int64
	known bool
}

type memoryStatsArgs struct {
	head
	device uintptr
	used   int64
	peak   optional
	_      optional // number of allocations
	_      optional // largest allocation
	limit  optional
	_      [7]optional
	_      room
}

type program struct {
	head
	code     unsafe.Pointer
	length   uintptr
	format   unsafe.Pointer
	formatIs uintptr
}

type compileArgs struct {
	head
	client     uintptr
	program    unsafe.Pointer
	options    unsafe.Pointer
	length     uintptr
	executable uintptr
}

type executeOptions struct {
	head
	_ [4]uintptr // callbacks
	_ uintptr    // launch_id
	_ [7]uintptr // indices, context, location, tasks
	_ [4]uintptr // slices, layout, output callbacks
	_ room
}

type executeArgs struct {
	head
	executable uintptr
	options    unsafe.Pointer
	arguments  unsafe.Pointer // [devices][arguments]
	devices    uintptr
	count      uintptr
	outputs    unsafe.Pointer // [devices][outputs]
	events     unsafe.Pointer // [devices], of completion; nil: not asked for
	_          uintptr        // a device
	_          room
}

// executableArgs destroys one.
type executableArgs struct {
	head
	executable uintptr
}

type bufferFromHostArgs struct {
	head
	client   uintptr
	data     unsafe.Pointer
	kind     int32
	_        int32
	dims     unsafe.Pointer
	dimCount uintptr
	_        [2]uintptr // strides: none
	_        int32      // semantics: the data is copied during the call
	_        int32
	device   uintptr
	_        [2]uintptr // memory and layout: the device's own
	done     uintptr
	buffer   uintptr
}

// bufferArgs destroys one.
type bufferArgs struct {
	head
	buffer uintptr
}

type bufferToHostArgs struct {
	head
	buffer uintptr
	_      uintptr // layout: row-major
	dst    unsafe.Pointer
	length uintptr
	event  uintptr
}
