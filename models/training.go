package models

import (
	"errors"
	"fmt"
	"math"
)

// TrainerVersion is raised when [Train] would give other weights or other
// records for the same arguments; it is part of every network's identity.
const TrainerVersion = 1

// Training says how a network is trained. It is part of the network's record.
type Training struct {
	Optimizer  Optimizer `json:"optimizer"`
	BatchSize  int       `json:"batch_size"`
	TargetLoss float64   `json:"target_loss"`         // nats; see [Train] for when it stops the training
	MaxEpochs  int       `json:"max_epochs"`          // at least 1
	Init       string    `json:"init"`                // one of [Schemes]
	Snapshots  []int     `json:"snapshots,omitempty"` // epochs after which the tensors are kept; 0 = before training

	SnapshotSteps []int `json:"snapshot_steps,omitempty"` // optimizer steps after which they are kept, too; from 1

	Augment Augmentation `json:"augment,omitzero"` // of training inputs; needs [Seeds.Augment]
}

// Validate reports the first value that [Train] cannot use.
func (t Training) Validate() error {
	if err := t.Optimizer.Validate(); err != nil {
		return err
	}
	switch {
	case t.BatchSize < 1:
		return fmt.Errorf("batch size %d is not positive", t.BatchSize)
	case !(t.TargetLoss >= 0 && !math.IsInf(t.TargetLoss, 1)):
		return fmt.Errorf("target loss %v is negative or not a finite number", t.TargetLoss)
	case t.MaxEpochs < 1:
		return fmt.Errorf("at most %d epochs: at least 1 is needed", t.MaxEpochs)
	}
	for _, e := range t.Snapshots {
		if e < 0 || e > t.MaxEpochs {
			return fmt.Errorf("a snapshot after epoch %d: epochs are 0 to %d", e, t.MaxEpochs)
		}
	}
	for _, s := range t.SnapshotSteps {
		if s < 1 {
			return fmt.Errorf("a snapshot after step %d: steps count from 1; before the first is epoch 0", s)
		}
	}
	return checkScheme(t.Init)
}

// Seeds are the sources of chance in one training, one a purpose.
type Seeds struct {
	Init    uint64 `json:"init"`              // initial weights
	Order   uint64 `json:"order"`             // order of the examples in each epoch
	Dropout uint64 `json:"dropout"`           // dropout masks
	Augment uint64 `json:"augment,omitempty"` // augmentation; 0 without any
}

// Epoch is one line of a training's history.
type Epoch struct {
	Epoch    int     `json:"epoch"`     // from 1
	Steps    int     `json:"steps"`     // optimizer steps done since the start of training
	MeanLoss float64 `json:"mean_loss"` // nats: mean over this epoch's steps of the batch's mean cross-entropy before the update

	// Cross-entropy (nats) and accuracy (fraction) in evaluation mode over the
	// whole training set after the epoch; nil where not evaluated (see [Train])
	// or not a number.
	TrainLoss     *float64 `json:"train_loss,omitempty"`
	TrainAccuracy *float64 `json:"train_accuracy,omitempty"`

	Seconds float64 `json:"seconds"` // wall-clock time of the epoch, its evaluation included
}

// Snapshot is the tensors as they were after an epoch or a step.
type Snapshot struct {
	Epoch int // 0 is before training; of no meaning where Step is not 0
	Step  int // optimizer steps done, of a snapshot of [Training.SnapshotSteps]; 0: it is an epoch's
	State State
}

// Why a training stopped.
const (
	StopTarget    = "target"     // the target loss was reached
	StopMaxEpochs = "max-epochs" // it was not, within the epochs allowed
	StopDiverged  = "diverged"   // a loss was NaN or infinite
)

// Trained is a finished training and what cannot be recovered from its weights.
type Trained struct {
	Init, Final State // Final may hold NaN or infinities when Stop is [StopDiverged]

	// Snapshots holds those of [Training.Snapshots] and [Training.SnapshotSteps] that were
	// reached, as they came; the step that ends an epoch comes before the epoch.
	Snapshots []Snapshot

	// History has a line for every completed epoch. A diverged epoch has none:
	// its mean loss is not a number.
	History []Epoch

	GroupSize int // slots of the group that it trained in; 0: alone

	Stop   string // [StopTarget], [StopMaxEpochs] or [StopDiverged]
	Epochs int    // completed epochs
	Steps  int    // optimizer steps, those of a diverged epoch included

	// Optimizer steps done at the end of the first epoch whose evaluated
	// cross-entropy is at most 0.1 and 0.01 nats; -1: never.
	StepsTo01, StepsTo001 int

	// Gradient noise after the first epoch and at the end: the trace of the
	// covariance of the per-example gradients g_i of the cross-entropy with
	// respect to all trainable values, in evaluation mode over the training
	// set, mean_i ‖g_i‖² - ‖mean_i g_i‖² (never below 0: a negative value is
	// rounding). nil when training diverged before, or it is not finite.
	GradientNoise1, GradientNoiseFinal *float64
}

// Fits reports why the training cannot be of networks of this architecture, whatever the examples.
func (t Training) Fits(a Architecture) error { return t.Augment.Fits(a.Input, nil) }

// checkTraining reports the first reason why the arguments of [Train] do not go together.
func checkTraining(a Architecture, t Training, ex Examples) error {
	if err := a.Validate(); err != nil {
		return err
	}
	if err := t.Validate(); err != nil {
		return err
	}
	if err := ex.Fits(a); err != nil {
		return err
	}
	if err := t.Augment.Fits(a.Input, ex.Padding); err != nil {
		return err
	}
	if min(t.BatchSize, ex.Len()) < a.LeastLearn() {
		return errors.New("batch norm has no variance in batches of one example with one place a channel: use batches of at least 2")
	}
	return nil
}
