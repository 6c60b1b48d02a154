//go:build linux && (amd64 || arm64) && xla

package xla

import "fmt"

// Describe loads every plugin that is found, as a run would, and says what each offers. It starts the devices, which can take seconds on a GPU.
func Describe(getenv func(string) string) []Description {
	var all []Description
	for _, f := range Find(getenv) {
		d := Description{Plugin: f}
		s, err := start(f.Path, f.Platform)
		if err != nil {
			d.Problem = err.Error()
			all = append(all, d)
			continue
		}
		c := s.client
		d.Interface, d.Platform = s.plugin.Version(), c.Platform
		for _, device := range c.Devices() {
			text := fmt.Sprintf("%s:%d %s", c.Platform, device.Index, device.Kind)
			if m := device.Memory(); m.Limit > 0 {
				text += fmt.Sprintf(", %.1f GiB", float64(m.Limit)/(1<<30))
			}
			d.Devices = append(d.Devices, text)
		}
		all = append(all, d)
	}
	return all
}
