package models

// Seeded is what a session may be able to do beyond Session: gradients of losses other than the
// cross-entropy of its logits. Ask with a type assertion.
type Seeded interface {
	// GradientFrom runs x, [N, D], forward in evaluation mode and writes the gradient of Σ_n Σ_k seed[n, k]
	// logits[n, k] with respect to every trainable tensor into dst (running statistics get 0): with seed the
	// gradient of a loss with respect to the logits, [N, K], that loss's gradient.
	GradientFrom(dst State, x, seed []float32) error
}
