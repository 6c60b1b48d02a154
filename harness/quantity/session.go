package quantity

import (
	"encoding/json"
	"errors"
	"sync"

	"github.com/genbench/genbench/models"
)

// Sessions kept for the next network: a corpus has few architectures, but may have networks that fill the memory, and a session holds its programs, too. An engine that
// computes several together has more sessions, but of no more architectures.
const (
	maxIdle         = 8
	maxIdleTogether = 64
)

// sessions keeps sessions of finished computations for the next ones of the
// same architecture: they hold buffers that are worth keeping.
type sessions struct {
	engine models.Engine

	mu   sync.Mutex
	idle []pooled // longest unused first
}

type pooled struct {
	arch    string
	session models.Session
}

// with calls f with a session that holds the state.
func (p *sessions) with(a models.Architecture, s models.State, f func(models.Session) error) error {
	session, key, err := p.take(a)
	if err != nil {
		return err
	}
	if err := session.SetState(s); err != nil {
		return errors.Join(err, session.Close())
	}
	if err := f(session); err != nil {
		return errors.Join(err, session.Close())
	}
	return p.give(key, session)
}

func (p *sessions) take(a models.Architecture) (models.Session, string, error) {
	raw, err := json.Marshal(a)
	if err != nil {
		return nil, "", err
	}
	key := string(raw)
	p.mu.Lock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if p.idle[i].arch == key {
			s := p.idle[i].session
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			p.mu.Unlock()
			return s, key, nil
		}
	}
	p.mu.Unlock()
	s, err := p.engine.NewSession(a, Batch(a))
	return s, key, err
}

func (p *sessions) give(key string, s models.Session) error {
	most := maxIdle
	if _, ok := p.engine.(models.Gathering); ok {
		most = maxIdleTogether
	}
	var old []pooled
	p.mu.Lock()
	p.idle = append(p.idle, pooled{key, s})
	for len(p.idle) > most || p.architectures() > maxIdle {
		old = append(old, p.idle[0])
		p.idle = p.idle[1:]
	}
	p.mu.Unlock()
	var errs []error
	for _, o := range old {
		errs = append(errs, o.session.Close())
	}
	return errors.Join(errs...)
}

// architectures counts those of the idle sessions.
func (p *sessions) architectures() int {
	seen := map[string]bool{}
	for _, s := range p.idle {
		seen[s.arch] = true
	}
	return len(seen)
}

func (p *sessions) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, s := range p.idle {
		errs = append(errs, s.session.Close())
	}
	p.idle = nil
	return errors.Join(errs...)
}
