package dataset

import "errors"

// State is what Check found of a set.
type State string

// The states.
const (
	Ready   State = "ready"   // present and verified, byte for byte
	Missing State = "missing" // not there, or not all of its files
	Damaged State = "damaged" // there, and wrong or unreadable
)

// Status is what [Check] found of one set.
type Status struct {
	Info   Info
	State  State
	Err    error  // what is wrong, nil when ready; an [*Error], whose Path and Remedy say where and what to do
	Remedy string // how to get the set, "" when ready
}

// Check opens every set that [Known] lists, verifies it, and reports; it reads
// all files of the sets that are present, about a second for both of the
// full ones. It looks for the files of a set in dir/NAME (mnist,
// fashion-mnist), in torchvision's DIR/MNIST/raw and DIR/FashionMNIST/raw, and in
// dir itself; with dir "" only in the place of Debian's package. Files
// may be plain or .gz, with a dash or a dot before "idx".
func Check(dir string) []Status {
	var all []Status
	for _, info := range Known() {
		st := Status{Info: info, State: Ready}
		if err := check(info.Name, dir); err != nil {
			st.State, st.Err = Damaged, err
			if errors.Is(err, ErrMissing) {
				st.State = Missing
			}
			var e *Error
			if errors.As(err, &e) {
				st.Remedy = e.Remedy
			}
		}
		all = append(all, st)
	}
	return all
}

// check says what is wrong with a set.
func check(name, dir string) error {
	for _, c := range collections() {
		if c.info.Name == name {
			return c.verify(dir)
		}
	}
	_, err := Open(name, dir)
	return err
}
