package measure

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// Results is the content of a file of results: what was measured, and its sum.
type Results struct {
	Comparisons  []Comparison  `json:"comparisons"`
	Measurements []Measurement `json:"measurements"`
}

// WriteJSON writes a value, indented, with the keys of maps in order, so that
// two files of the same figures are equal. The directory is made if need be.
func WriteJSON(path string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// ReadResults reads a file that WriteJSON wrote of Results.
func ReadResults(path string) (Results, error) {
	var results Results
	text, err := os.ReadFile(path)
	if err != nil {
		return results, err
	}
	return results, json.Unmarshal(text, &results)
}
