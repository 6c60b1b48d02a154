package corpora

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parseYAML answers the root of the only document, or nil after an error.
func (p *specParser) parseYAML(src []byte) (root ast.Node) {
	start := pos{1, 1}
	if len(src) > maxSpecBytes {
		p.fail(start, "", "a spec is a page of text", "is %d bytes, more than %d", len(src), maxSpecBytes)
		return nil
	}
	if !utf8.Valid(src) {
		p.fail(start, "", "save it as UTF-8 text", "is not UTF-8")
		return nil
	}
	if at, deep := tooDeep(src); deep {
		p.fail(at, "", "a spec nests three deep at most", "is nested %d deep", maxDepth)
		return nil
	}
	// The parser is not ours and is fed what users type; a bug in it must not
	// end the program.
	defer func() {
		if r := recover(); r != nil {
			p.fail(start, "", "write it plainly: keys, numbers, texts and lists", "cannot be read as YAML (%v)", r)
			root = nil
		}
	}()
	file, err := parser.ParseBytes([]byte(strings.TrimPrefix(string(src), "\ufeff")), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, what := start, err.Error()
		if e, ok := err.(yaml.Error); ok {
			what = e.GetMessage()
			if t := e.GetToken(); t != nil && t.Position != nil {
				at = pos{t.Position.Line, t.Position.Column}
			}
		}
		p.fail(at, "", "correct the YAML", "%s", what)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case body != nil:
			p.fail(position(doc.Body), "", "put one corpus in each file", "a second document begins here")
			return nil
		default:
			body = doc.Body
		}
	}
	if body == nil {
		p.fail(start, "", "see the built-in spec quick for an example", "is empty")
	}
	return body
}

const maxDepth = 100

// tooDeep finds brackets, or "- - - -", nested so deep that a recursive parser
// would be hurt. It ignores quotes: a spec has no text with a hundred open brackets.
func tooDeep(src []byte) (pos, bool) {
	at, depth := pos{1, 0}, 0
	dashes := 0 // since the line began with nothing but dashes, question marks and spaces
	for _, r := range string(src) {
		at.column++
		switch r {
		case '\n':
			at, dashes = pos{at.line + 1, 0}, 0
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '-', '?':
			dashes++
		case ' ', '\t':
		default:
			dashes = 0
		}
		if max(depth, dashes) >= maxDepth {
			return at, true
		}
	}
	return pos{}, false
}

// position is where a node begins. The parser's own place for a mapping is its
// first colon, and for a key and value pair too.
func position(node ast.Node) pos {
	switch n := node.(type) {
	case nil:
		return pos{1, 1}
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return position(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return position(n.Key)
	}
	t := node.GetToken()
	if t == nil || t.Position == nil {
		return pos{1, 1}
	}
	return pos{t.Position.Line, t.Position.Column}
}

// mapping calls each for every key of a mapping, and refuses what is not a
// mapping, unknown keys (known nil: any key) and keys given twice.
func (p *specParser) mapping(node ast.Node, field string, known []string, each func(key string, at pos, v ast.Node)) {
	var pairs []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		p.fail(position(node), field, "write key: value, one a line", "is %s, keys and values are needed", describe(node))
		return
	}
	before := map[string]pos{}
	for _, pair := range pairs {
		at := position(pair.Key)
		key, ok := keyText(pair.Key)
		name := strings.TrimPrefix(field+"."+clip(key), ".")
		switch {
		case !ok:
			p.fail(at, field, "write keys as plain text", "has %s, for a key", describe(pair.Key))
		case before[key] != pos{}:
			p.fail(at, name, "remove one of the two", "is already given on line %d", before[key].line)
		case known != nil && !slices.Contains(known, key):
			p.fail(at, name, p.unknownKey(key, known), "unknown key")
		case isNull(pair.Value):
			before[key] = at
			p.fail(at, name, "give it one, or remove the key", "has no value")
		default:
			before[key] = at
			each(key, at, pair.Value)
		}
	}
}

func isNull(node ast.Node) bool {
	_, ok := node.(*ast.NullNode)
	return ok || node == nil
}

// unknownKey is the remedy for a key that its mapping does not have: the
// nearest one that it has, or the section that it belongs to.
func (p *specParser) unknownKey(key string, known []string) string {
	if k, ok := Nearest(key, known); ok {
		return fmt.Sprintf("did you mean %q?", k)
	}
	for _, h := range hypers() {
		if h.name == key {
			return fmt.Sprintf("it belongs under %s, or under axes with a list of values", h.section)
		}
	}
	return didYouMean(key, known)
}

func keyText(key ast.MapKeyNode) (string, bool) {
	switch k := key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return k.GetToken().Value, true
	}
	return "", false
}

// sequence calls each for every item of a list.
func (p *specParser) sequence(node ast.Node, field string, each func(i int, item ast.Node)) {
	s, ok := node.(*ast.SequenceNode)
	if !ok {
		p.fail(position(node), field, "write a list: [a, b]", "is %s, a list is needed", describe(node))
		return
	}
	for i, item := range s.Values {
		each(i, item)
	}
}

// string reads a text.
func (p *specParser) string(node ast.Node, field string, dst *string) bool {
	v, ok := p.value(node, field, hyper{kind: text})
	*dst = v.text
	return ok
}

// value reads a scalar and checks it as a value of h.
func (p *specParser) value(node ast.Node, field string, h hyper) (Value, bool) {
	v, ok := scalar(node)
	if !ok {
		p.fail(position(node), field, "give "+h.expects(), "is %s", describe(node))
		return Value{}, false
	}
	plain, isPlain := unquoted(node)
	if isPlain && v.kind == number && h.kind == number {
		if problem := inexact(plain, v.number, h.whole); problem != "" {
			p.fail(position(node), field, "give "+h.wants(), "%s", problem)
			return Value{}, false
		}
	}
	problem, remedy, ok := h.check(v)
	if ok {
		return v, true
	}
	if plain, isText := unquoted(node); h.kind != text && v.kind == text {
		switch {
		case !isText && decimal.MatchString(v.text) && h.kind == number:
			remedy = "remove the quotes"
		case isText && odd.MatchString(plain) && !decimal.MatchString(plain) && h.kind == number:
			remedy = "write numbers in plain decimal, as 1000 or 1e-3"
		case isText && h.kind == truth:
			remedy = "write true or false"
		}
	}
	if h.kind == text && v.kind != text {
		remedy = "put it in quotes if it is meant as a text"
		if h.choices != nil {
			remedy = "give " + h.wants()
		}
	}
	p.fail(position(node), field, remedy, "%s", problem)
	return Value{}, false
}

func (h hyper) expects() string {
	if h.kind == text && h.choices == nil {
		return "a text"
	}
	return h.wants()
}

var (
	decimal = regexp.MustCompile(`^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)
	odd     = regexp.MustCompile(`^[-+]?[0-9][0-9a-zA-Z_.,]*$`) // 0x1F, 1_000, 1,000
)

// scalar reads a number, text or truth value. Numbers are decimal, as in JSON
// with a few liberties (1e-3, .5); YAML's other notations are texts here, so that a
// hyperparameter refuses them instead of meaning something unexpected.
func scalar(node ast.Node) (Value, bool) {
	switch n := node.(type) {
	case *ast.BoolNode:
		return Truth(n.Value), true
	case *ast.LiteralNode:
		if n.Value != nil {
			return Text(n.Value.Value), true
		}
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		s := n.GetToken().Value
		if plain, ok := unquoted(node); ok && decimal.MatchString(plain) {
			// The pattern leaves overflow as the only failure: 1e999.
			if f, err := strconv.ParseFloat(plain, 64); err == nil {
				return Number(f), true
			}
		}
		return Text(s), true
	}
	return Value{}, false
}

// unquoted is the source of a plain scalar.
func unquoted(node ast.Node) (string, bool) {
	t := node.GetToken()
	if t == nil || t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType {
		return "", false
	}
	return t.Value, true
}

// inexact says how a decimal is not the number that it is read as: a float64 has 53 bits and a least
// exponent. "" where it is as near as decimals come; an integer must be that integer.
func inexact(plain string, f float64, whole bool) string {
	mantissa, _, _ := strings.Cut(strings.ToLower(plain), "e")
	if f == 0 {
		if strings.ContainsAny(mantissa, "123456789") {
			return clip(plain) + " is too small for a number, it would be 0"
		}
		return ""
	}
	if !whole {
		return ""
	}
	// The value is finite and not 0, so the exponent is bounded by the length of the mantissa.
	exact, ok := new(big.Rat).SetString(plain)
	if !ok || exact.Cmp(new(big.Rat).SetFloat64(f)) != 0 {
		return fmt.Sprintf("%s cannot be kept exactly, it would be %s", clip(plain), Number(f))
	}
	return ""
}

// describe names what a node is, for messages.
func describe(node ast.Node) string {
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return "empty"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode:
		return "an anchor (&), which specs do not have"
	case *ast.AliasNode:
		return "an alias (*), which specs do not have"
	case *ast.TagNode:
		return "a tag (!), which specs do not have"
	case *ast.MergeKeyNode:
		return "a merge key (<<), which specs do not have"
	default:
		if v, ok := scalar(n); ok {
			return v.kind.String() + " (" + v.quoted() + ")"
		}
	}
	return "something that specs do not have"
}
