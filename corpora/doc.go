// Package corpora turns the description of a corpus into trained networks on
// disk, each with a record of what it is and how well it does.
//
//	ParseSpec, Find    YAML -> Spec: what is fixed, what varies, what is kept
//	Spec.Networks      Spec -> the points of the grid, each with an ID
//	OpenStore          the folder that holds a corpus; OpenExisting only reads it
//	Train              trains what the store lacks
//	Verify, MakePlan   recomputes what the store claims; says what Train would cost
//
// It knows nothing of measures, plugins, results or statistics: they read what
// it leaves on disk. The engine that computes is passed in.
//
// # Identity
//
// The ID of a network is the hash of all that determines its weights:
// architecture, training, seeds, data set, transform and
// models.TrainerVersion. It leaves out the corpus's name and its other
// networks, so that a spec that grows keeps what exists, and what is kept on
// disk (snapshots), which has no influence on the weights. It leaves out the
// engine, too: the same network trained on another engine is the same point of
// the grid, with weights that agree within bounds and not in bits. Because a
// store must not mix the two in silence, [Train] refuses to add networks of
// one engine to a store that holds another's ([EngineError]).
//
// # Seeds
//
// Every random choice has a seed of its own, the SHA-256 of its purpose and of
// the value of the axis "seed" (see [DeriveSeed]). Which examples are used
// depends on the spec alone, so all networks of a corpus see the same ones;
// which labels are shuffled, and the input noise, depend on the seed alone, so
// networks that differ in width see the same data.
package corpora
