package main

import (
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libsesscache/libsesscache/bench/measure"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// plotting is a file of plots in rows and columns.
type plotting struct {
	name    string
	columns int
	plots   func([]measure.Measurement, []measure.Comparison) ([]*plot.Plot, error)
}

// Size of one plot.
const (
	plotWidth  = 10 * vg.Centimeter
	plotHeight = 7.5 * vg.Centimeter
)

// The sides' colours, which differ in brightness too: blue is dark, orange light.
var colours = []color.Color{
	color.RGBA{R: 0x1f, G: 0x4e, B: 0x9c, A: 0xff}, color.RGBA{R: 0xf0, G: 0x8a, B: 0x24, A: 0xff},
	color.RGBA{R: 0x4c, G: 0x9a, B: 0x5f, A: 0xff}, color.RGBA{R: 0x88, G: 0x88, B: 0x88, A: 0xff},
	color.RGBA{R: 0x9b, G: 0x3f, B: 0x8a, A: 0xff},
}

// write draws the plots into a file, and tells whether there was one to draw.
func (p plotting) write(path string, measurements []measure.Measurement, comparisons []measure.Comparison) (bool, error) {
	plots, err := p.plots(measurements, comparisons)
	if err != nil || len(plots) == 0 {
		return false, err
	}
	columns := min(p.columns, len(plots))
	rows := (len(plots) + columns - 1) / columns
	grid := make([][]*plot.Plot, rows)
	for i := range grid {
		grid[i] = make([]*plot.Plot, columns)
		copy(grid[i], plots[i*columns:min(len(plots), (i+1)*columns)])
	}
	canvas := vgsvg.New(vg.Length(columns)*plotWidth, vg.Length(rows)*plotHeight)
	area := draw.New(canvas)
	area.SetColor(color.White)
	area.Fill(area.Rectangle.Path())
	const space = 4 * vg.Millimeter
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: space, PadY: space,
		PadTop: space, PadBottom: space, PadLeft: space, PadRight: space}
	for i, row := range plot.Align(grid, tiles, area) {
		for j, canvas := range row {
			if grid[i][j] != nil {
				grid[i][j].Draw(canvas)
			}
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	file, err := os.Create(path)
	if err != nil {
		return false, err
	}
	if _, err := canvas.WriteTo(file); err != nil {
		file.Close()
		return false, err
	}
	return true, file.Close()
}

func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = 2 * vg.Millimeter
	grid := plotter.NewGrid()
	grid.Vertical.Color = nil
	grid.Horizontal.Color = color.Gray{Y: 0xd8}
	p.Add(grid)
	p.Legend.Top = true
	p.Legend.Padding = vg.Millimeter
	return p
}

// addBars puts the bars of one of several sides beside those of the others, and
// leaves room above for the legend.
func addBars(p *plot.Plot, place, of int, name string, values plotter.Values) error {
	const group = 1.6 * vg.Centimeter
	bars, err := plotter.NewBarChart(values, group/vg.Length(of))
	if err != nil {
		return err
	}
	bars.LineStyle.Width = 0
	bars.Color = colours[place%len(colours)]
	bars.Offset = group / vg.Length(of) * (vg.Length(place) - vg.Length(of-1)/2)
	p.Add(bars)
	p.Legend.Add(name, bars)
	p.Y.Min = 0
	p.Y.Max = max(p.Y.Max, slices.Max(values)*(1.1+0.13*float64(of)))
	p.Y.Tick.Marker = plot.TickerFunc(plainTicks)
	return nil
}

// addLine draws points with lines between them.
func addLine(p *plot.Plot, place int, name string, points plotter.XYs) error {
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, dots.Color = colours[place%len(colours)], colours[place%len(colours)]
	line.Width = 1.5 * vg.Points(1)
	dots.Shape = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{},
		draw.PyramidGlyph{}}[place%5]
	dots.Radius = vg.Points(3)
	p.Add(line, dots)
	p.Legend.Add(name, line, dots)
	return nil
}

// logarithmic gives an axis a scale of powers of ten that begins and ends at one.
// What it shows has to be above 0.
func logarithmic(axis *plot.Axis, label func(float64) string) {
	low, high := math.Floor(math.Log10(axis.Min)), math.Ceil(math.Log10(axis.Max))
	axis.Min, axis.Max = math.Pow(10, low), math.Pow(10, max(high, low+1))
	axis.Scale = plot.LogScale{}
	axis.Tick.Marker = plot.TickerFunc(func(low, high float64) []plot.Tick {
		ticks := plot.LogTicks{Prec: -1}.Ticks(low, high)
		for i, tick := range ticks {
			ticks[i].Label = ""
			if power := math.Log10(tick.Value); math.Abs(power-math.Round(power)) < 1e-9 {
				ticks[i].Label = label(tick.Value)
			}
		}
		return ticks
	})
}

// timeLabel is a time on an axis of nanoseconds: a power of ten, without decimals.
func timeLabel(ns float64) string {
	number, unit, _ := strings.Cut(valueText("ns", ns), " ")
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	return number + " " + unit
}

// plainTicks has numbers without zeros behind the point.
func plainTicks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, tick := range ticks {
		if tick.Label != "" {
			ticks[i].Label = fmt.Sprintf("%g", math.Round(tick.Value*1e6)/1e6)
		}
	}
	return ticks
}

// opsPlot is the cost of operations by threads.
var opsPlot = plotting{"ops", 3, func(_ []measure.Measurement, comparisons []measure.Comparison) ([]*plot.Plot, error) {
	var plots []*plot.Plot
	for _, op := range []string{"add", "remove", "add-full", "re-add", "hit", "miss"} {
		chosen := slices.DeleteFunc(slices.Clone(comparisons), func(c measure.Comparison) bool {
			return c.Value != "ns" || !isOp(c.Params, op) || c.Params["timeouts"] != "equal" || sessions(c.Params) != 20000
		})
		if len(chosen) == 0 {
			continue
		}
		p := newPlot(op+", 20,000 sessions, equal timeouts", "threads", "time of a call, µs")
		var names []string
		var stock, library plotter.Values
		for _, c := range chosen {
			names = append(names, fmt.Sprint(c.Params["threads"]))
			stock = append(stock, c.BaseValue.Median/1000)
			library = append(library, c.SideValue.Median/1000)
		}
		if err := addBars(p, 0, 2, measure.Stock, stock); err != nil {
			return nil, err
		}
		if err := addBars(p, 1, 2, measure.Library, library); err != nil {
			return nil, err
		}
		p.NominalX(names...)
		plots = append(plots, p)
	}
	return plots, nil
}}

// curvePlot is the cost of an add by the number of sessions.
var curvePlot = plotting{"curve", 1, func(_ []measure.Measurement, comparisons []measure.Comparison) ([]*plot.Plot, error) {
	points := slices.DeleteFunc(slices.Clone(comparisons), func(c measure.Comparison) bool { return !inCurve(c) })
	if len(points) < 2 {
		return nil, nil
	}
	slices.SortFunc(points, func(a, b measure.Comparison) int {
		return int(sessions(a.Params) - sessions(b.Params))
	})
	var stock, library plotter.XYs
	for _, c := range points {
		stock = append(stock, plotter.XY{X: sessions(c.Params), Y: c.BaseValue.Median})
		library = append(library, plotter.XY{X: sessions(c.Params), Y: c.SideValue.Median})
	}
	p := newPlot("add, random timeouts, one thread", "sessions in the cache", "time of a call")
	p.Legend.Left = true
	if err := addLine(p, 0, measure.Stock, stock); err != nil {
		return nil, err
	}
	if err := addLine(p, 1, measure.Library, library); err != nil {
		return nil, err
	}
	logarithmic(&p.X, func(value float64) string { return paramText(value) })
	logarithmic(&p.Y, timeLabel)
	return []*plot.Plot{p}, nil
}}
