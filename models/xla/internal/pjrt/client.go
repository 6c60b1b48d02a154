//go:build linux && (amd64 || arm64) && xla

package pjrt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"
	"unsafe"
)

// Client is a plugin at work on its devices. Its methods may be called from several goroutines.
type Client struct {
	Platform string // "cpu", "cuda"
	Version  string // what the plugin says of itself
	plugin   *Plugin
	handle   uintptr
	devices  []Device
}

// Device is one that a client can compute on.
type Device struct {
	Index  int    // in the client's order, from 0
	Kind   string // what its maker calls it
	client *Client
	handle uintptr
}

// Memory is what a device says of its memory, in bytes; -1: it does not say.
type Memory struct{ Used, Peak, Limit int64 }

// NewClient starts the plugin on its devices. Options are platform-specific; values are string, int64, float32 or bool.
func (p *Plugin) NewClient(options map[string]any) (*Client, error) {
	args := &clientCreateArgs{}
	args.size = unsafe.Sizeof(*args)
	var values []namedValue
	var names []string
	for name := range options {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		v, err := newNamedValue(name, options[name])
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	if len(values) > 0 {
		args.options, args.count = unsafe.Pointer(&values[0]), uintptr(len(values))
	}
	if err := call(p, slotClientCreate, args); err != nil {
		return nil, fmt.Errorf("PJRT plugin %s finds no device: %w", p.Path, err)
	}
	c := &Client{plugin: p, handle: args.client}
	if err := c.describe(); err != nil {
		return nil, errors.Join(fmt.Errorf("PJRT plugin %s: %w", p.Path, err), c.Close())
	}
	return c, nil
}

// newNamedValue makes an option. A string must not be moved: its bytes are Go's.
func newNamedValue(name string, value any) (namedValue, error) {
	v := namedValue{name: unsafe.Pointer(unsafe.StringData(name)), length: uintptr(len(name)), count: 1}
	v.size = unsafe.Sizeof(v)
	switch x := value.(type) {
	case int64:
		v.kind = kindInt64
		binary.NativeEndian.PutUint64(v.value[:], uint64(x))
	case float32:
		v.kind = kindFloat
		binary.NativeEndian.PutUint32(v.value[:], math.Float32bits(x))
	case bool:
		v.kind = kindBool
		if x {
			v.value[0] = 1
		}
	default:
		return v, fmt.Errorf("PJRT option %s has a value of type %T: int64, float32 and bool are possible", name, value)
	}
	return v, nil
}

func (c *Client) describe() error {
	var err error
	if c.Platform, err = c.text(slotPlatformName, c.handle); err != nil {
		return err
	}
	if c.Version, err = c.text(slotPlatformVersion, c.handle); err != nil {
		return err
	}
	d := &devicesArgs{client: c.handle}
	d.size = unsafe.Sizeof(*d)
	if err := call(c.plugin, slotAddressableDevices, d); err != nil {
		return err
	}
	for i := range d.count {
		dev := Device{Index: int(i), client: c, handle: *at[uintptr](d.devices, 8*i)}
		desc := &descriptionArgs{device: dev.handle}
		desc.size = unsafe.Sizeof(*desc)
		if err := call(c.plugin, slotDeviceDescription, desc); err != nil {
			return err
		}
		if dev.Kind, err = c.text(slotDeviceKind, desc.description); err != nil {
			return err
		}
		c.devices = append(c.devices, dev)
	}
	if len(c.devices) == 0 {
		return errors.New("it has no device")
	}
	return nil
}

func (c *Client) text(slot, of uintptr) (string, error) {
	t := &textArgs{of: of}
	t.size = unsafe.Sizeof(*t)
	if err := call(c.plugin, slot, t); err != nil {
		return "", err
	}
	return stringAt(t.text, t.length), nil
}

// Devices are those that the client can compute on.
func (c *Client) Devices() []Device { return c.devices }

// Memory asks the device. Where it cannot say, all is -1.
func (d Device) Memory() Memory {
	m := &memoryStatsArgs{device: d.handle}
	m.size = unsafe.Sizeof(*m)
	if call(d.client.plugin, slotMemoryStats, m) != nil {
		return Memory{-1, -1, -1}
	}
	of := func(o optional) int64 {
		if !o.known {
			return -1
		}
		return o.value
	}
	return Memory{m.used, of(m.peak), of(m.limit)}
}

// Close frees the client. Its programs and arrays must have been freed.
func (c *Client) Close() error {
	if c.handle == 0 {
		return nil
	}
	d := &clientArgs{client: c.handle}
	d.size = unsafe.Sizeof(*d)
	c.handle = 0
	return call(c.plugin, slotClientDestroy, d)
}
