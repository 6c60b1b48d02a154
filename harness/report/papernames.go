package report

// CompatNames lists what [Input.Compat] can name.
func CompatNames() []string {
	var names []string
	for _, p := range papers {
		names = append(names, p.name)
	}
	return names
}
