package report

import (
	"bytes"
	"encoding/json"
	"io"
)

// WriteJSON writes the board as one indented JSON object.
func (b *Board) WriteJSON(w io.Writer) error {
	text, err := b.bytes()
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func (b *Board) bytes() ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(b)
	return buf.Bytes(), err
}
