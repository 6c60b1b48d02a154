package measures

// Absent is a measure, or a variant of one, that is known and left out.
type Absent struct {
	Name     string // as a measure would be named; a variant as measure[option=value]
	Reason   string // why it is not here, and what comes nearest
	Citation string
}

// NotImplemented lists what a reader of the papers would look for and not find.
func NotImplemented() []Absent {
	const (
		jiang = "Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic generalization measures and where to find them, 2019, arXiv:1912.02178"
		gain  = "Gain and Siegelmann, Abstraction mechanisms predict generalization in deep neural networks, 2019, arXiv:1905.11515"
	)
	return []Absent{
		{Name: "vc-dim", Citation: jiang + ", eq. 19",
			Reason: "the logarithmic factors of the bound could not be verified in any source at hand; its leading term grows as num-params does"},
		{Name: "spec-init", Citation: jiang + ", eq. 24-28",
			Reason: "the constants of the full spectral bounds, made of layer sizes, could not be verified in any source at hand; their main term, eq. 29, is spec-init-main"},
		{Name: "spec-orig", Citation: jiang + ", eq. 24-28",
			Reason: "the constants of the full spectral bounds, made of layer sizes, could not be verified in any source at hand; their main term, eq. 30, is spec-orig-main"},
		{Name: "cna-area[axis=max_inscribed]", Citation: gain,
			Reason: "the largest polygon inscribed between the curves has no published algorithm; axis=alpha integrates between the curves, axis=published is the polygon of the authors' code"},
		{Name: "cna-margin[split=test]", Citation: gain,
			Reason: "the margins of test examples, which most of the authors' scripts take, need test labels: an oracle. No measure is shown any"},
		{Name: "cna[train_mode_bn=true]", Citation: gain,
			Reason: "with batch norm in training mode, as the authors' code leaves it, the slopes of an example depend on the others of its batch, and looking at a network changes it: the value is no function of the network and the data"},
	}
}
