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
	Path   string // where its files are or should be; "" for a set without files, and when none were found
	Err    error  // what is wrong, nil when ready; an [*Error], whose Path and Remedy say where and what to do
	Remedy string // how to get the set, "" when ready
}

// Check verifies the files of every set that [Known] lists, and reports; it reads
// all files of the sets that are present, a second for MNIST and some ten seconds for ImageNet-32, and keeps none of it. It looks
// for the files of a set in dir/NAME, in the folders that torchvision, tar and unzip make below dir, in
// dir itself, and then in the place of Debian's package, if there is one; with dir "" only there. Files
// may be plain or .gz, CIFAR's and ImageNet-32's also in their archives.
func Check(dir string) []Status {
	var all []Status
	for _, info := range Known() {
		all = append(all, CheckOne(info, dir))
	}
	return all
}

// CheckOne is what [Check] does of one set.
func CheckOne(info Info, dir string) Status {
	st := Status{Info: info, State: Ready}
	path, err := check(info.Name, dir)
	st.Path = path
	if err != nil {
		st.State, st.Err = Damaged, err
		if errors.Is(err, ErrMissing) {
			st.State = Missing
		}
		var e *Error
		if errors.As(err, &e) {
			st.Path, st.Remedy = e.Path, e.Remedy
		}
	}
	return st
}

// check says where a set is and what is wrong with it.
func check(name, dir string) (path string, err error) {
	for _, c := range collections() {
		if c.info.Name == name {
			return c.verify(dir)
		}
	}
	_, err = Open(name, dir)
	return "", err
}
