package quantity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/genbench/genbench/models"
)

// DefaultCacheLimit is how large a cache may grow, in bytes.
const DefaultCacheLimit = 4 << 30

// Host computes quantities on an engine. A run has one a worker; several may
// share a cache folder. Its methods may be called from several goroutines.
type Host struct {
	engine   models.Engine
	cache    cache
	sessions sessions
	noise    *noise
}

// NewHost makes a host whose files lie in cacheDir, which is made when first
// needed. Errors of the folder come from [Host.Open].
func NewHost(e models.Engine, cacheDir string) *Host {
	return &Host{engine: e, cache: cache{dir: cacheDir, limit: DefaultCacheLimit}, sessions: sessions{engine: e}, noise: newNoise()}
}

// LimitCache bounds the cache folder, in bytes. It is kept when a network is closed;
// files of open networks stay. Call it before the first Open.
func (h *Host) LimitCache(bytes int64) { h.cache.limit = bytes }

// Close frees the host's sessions. Its providers are to be closed before.
func (h *Host) Close() error { return h.sessions.close() }

// Open serves one network until [Provider.Close]. The subject's errors (tensors
// that do not fit, labels out of range) are found here; a network whose
// tensors are not finite is served, and what rests on them is [Undefined].
func (h *Host) Open(s *Subject) (*Provider, error) {
	if err := checkSubject(s); err != nil {
		return nil, fmt.Errorf("opening a network: %w", err)
	}
	dir, err := filepath.Abs(h.cache.dir)
	if err != nil {
		return nil, fmt.Errorf("opening a network: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening a network: making the cache: %w", err)
	}
	arch, err := json.Marshal(s.Arch)
	if err != nil {
		return nil, fmt.Errorf("opening a network: %w", err)
	}
	p := &Provider{host: h, subject: s, cache: cache{dir: dir, limit: h.cache.limit}, calls: map[string]*call{}}
	sum := sha256.Sum256(arch)
	p.network = s.Key + "|" + hex.EncodeToString(sum[:])
	p.facts = s.Facts.hash()
	p.initHash = sync.OnceValue(s.Init.Hash) // a hash of 1 MB takes half a millisecond, and a dozen measures ask
	p.unfit = s.Final.Finite()
	p.release = h.keep(s.Data.Train.X)
	return p, nil
}

// Provider serves the quantities of one network.
type Provider struct {
	host     *Host
	subject  *Subject
	cache    cache
	network  string // identifies tensors, data and architecture
	facts    string
	initHash func() string // of the initial tensors, which then are there
	unfit    error         // why the network computes nothing
	release  func()        // the training inputs, which the engine may keep on its device

	mu     sync.Mutex
	closed bool
	calls  map[string]*call
	rests  map[Request]map[Request]bool // what computations asked for
}

// call is one computation that everyone who asks waits for.
type call struct {
	done  chan struct{}
	entry *entry
	err   error
}

// Get returns a quantity, computed now, before, or in an earlier run. The files
// that it names live until Close. Errors are [*Undefined], [*Missing], ctx's, or failures; an unknown name,
// argument or value is a failure that names what is known.
func (p *Provider) Get(ctx context.Context, name string, args map[string]string) (*Bundle, error) {
	k, a, err := find(name, args)
	if err != nil {
		return nil, err
	}
	r := Request{Name: name, Args: a.String()}
	p.asked(ctx, r)
	if err := p.available(k, a); err != nil {
		return nil, err
	}
	p.settle(a)
	key := p.key(k, a)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, errors.New("the network is closed")
		}
		c := p.calls[key]
		mine := c == nil
		if mine {
			c = &call{done: make(chan struct{})}
			p.calls[key] = c
		}
		p.mu.Unlock()
		if mine {
			p.run(context.WithValue(ctx, asking{}, r), c, key, k, a)
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		// The one who computed was cancelled: that says nothing about us.
		if !mine && (errors.Is(c.err, context.Canceled) || errors.Is(c.err, context.DeadlineExceeded)) {
			continue
		}
		if c.err != nil {
			return nil, c.err
		}
		if c.entry.undefined != "" {
			return nil, &Undefined{Reason: c.entry.undefined}
		}
		return c.entry.bundle, nil
	}
}

// available says why the quantity cannot be computed of this network: something was not kept, or tensors are not finite.
func (p *Provider) available(k kind, a arguments) error {
	if k.readsInit(a) && p.subject.Init == nil {
		need := k.name
		if !k.init { // only the argument weights asks for them
			need = "init-weights"
		}
		return &Missing{Need: need, Reason: "the corpus did not keep the weights before training"}
	}
	if k.sibling && p.subject.Sibling == nil {
		if err := p.subject.NoSibling; err != nil {
			return err
		}
		return &Missing{Need: k.name, Reason: "no network of the same configuration and another seed was given"}
	}
	if (k.of == ofNetwork || k.of == ofEngine) && p.unfit != nil {
		return undefined("%s", p.unfit)
	}
	return nil
}

// settle removes differences between arguments that make none in the values of this
// network, so that they share a file.
func (p *Provider) settle(a arguments) {
	a.settleSpectra(p.subject.Arch)
	if n := a.number("examples"); n > 0 {
		if _, all := p.subject.inputs(a["split"]); n >= all {
			a["examples"] = "0" // the same file as all of them
		}
	}
	if _, ok := a["rounds"]; ok && a["examples"] == "0" {
		a["rounds"] = "1" // one of all examples says it all
	}
	if a["layer"] == "last" {
		a["layer"] = strconv.Itoa(len(viewsOf(p.subject.Arch)) - 1)
	}
	if _, ok := a["pool"]; ok {
		if l, vs, err := p.subject.view(a); err != nil || newMapPool(vs[l], a.number("pool")).units() == vs[l].units {
			a["pool"] = "1" // there is nothing to pool
		}
	}
}

// run answers a call and forgets it if it failed, so that the next may try again. A panic goes on to the one who asked; those who wait are told of it.
func (p *Provider) run(ctx context.Context, c *call, key string, k kind, a arguments) {
	defer close(c.done)
	panicked := true
	defer func() {
		if panicked {
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.calls, key)
			c.err = fmt.Errorf("computing quantity %s: it panicked for another who asked for it", k.name)
		}
	}()
	e, err := p.entry(ctx, key, k, a)
	panicked = false
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.closed {
		e.close()
		err = errors.New("the network is closed")
	}
	if err != nil {
		delete(p.calls, key)
		c.err = err
		return
	}
	c.entry = e
}

// entry finds the quantity's file or makes it.
func (p *Provider) entry(ctx context.Context, key string, k kind, a arguments) (*entry, error) {
	hash := hashKey(key)
	e, err := p.cache.load(hash)
	if err == nil {
		return e, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading quantity %s from the cache: %w", k.name, err)
	}
	start := time.Now()
	ps, err := k.compute(ctx, p, a)
	reason := ""
	var u *Undefined
	if errors.As(err, &u) {
		reason, ps, err = u.Reason, nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("computing quantity %s: %w", k.name, err)
	}
	e, err = p.cache.store(hash, ps, time.Since(start).Seconds(), reason)
	if err != nil {
		return nil, fmt.Errorf("writing quantity %s to the cache %s: %w", k.name, p.cache.dir, err)
	}
	return e, nil
}

// key is all that determines the quantity's values, in words.
func (p *Provider) key(k kind, a arguments) string {
	s := p.subject
	key := fmt.Sprintf("genbench quantity|%d|%s|%s|data=%s", Version(), k.name, a, s.Data.Hash)
	if k.of != ofData {
		key += "|network=" + p.network
	}
	if k.of == ofEngine {
		key += "|engine=" + p.host.engine.Name()
	}
	if k.readsInit(a) {
		key += "|init=" + p.initHash()
	}
	if k.sibling {
		key += "|sibling=" + s.Sibling.Hash
	}
	if k.of == ofRecord {
		key += "|facts=" + p.facts
	}
	if k.random != nil && k.random(a) {
		key += fmt.Sprintf("|seed=%d", s.Seed)
	}
	return key
}

// Close ends the service. Files of the network may be evicted from then on;
// those that a process still has mapped stay readable to it.
func (p *Provider) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.release()
	for _, c := range p.calls {
		select {
		case <-c.done:
			if c.entry != nil {
				c.entry.close()
			}
		default: // under way: run closes it
		}
	}
	p.mu.Unlock()
	if err := p.cache.evict(); err != nil {
		return fmt.Errorf("bounding the cache %s: %w", p.cache.dir, err)
	}
	return nil
}
