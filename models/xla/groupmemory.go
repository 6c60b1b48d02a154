//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"fmt"

	"github.com/genbench/genbench/models"
)

// Device names the device, and the plugin that compiles for it.
func (e *engine) Device() (device, compiler string) {
	return fmt.Sprintf("%s:%d %s", e.client.Platform, e.device.Index, e.device.Kind), fmt.Sprintf("PJRT %s, %s", e.plugin.Version(), e.client.Version)
}

// MostSlots estimates how many networks the device's free memory holds; of a device that does not say how much it has, what the fixed sizes grant a group.
func (e *engine) MostSlots(s models.GroupShape) int {
	free := int64(groupMemory)
	if m := e.device.Memory(); m.Limit > 0 {
		free = m.Limit - max(m.Used, 0)
	}
	return slotsWithin(free, s)
}
