#ifndef THERMALNET_PANELS_H_
#define THERMALNET_PANELS_H_

// Between rows, in which the numbers of one pattern lie side by side, and panels, in which those of
// all patterns of a tile do.

#include "fold.h"
#include "products.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

/** Rows of numbers. */
template <class Real>
struct Rows {
    Real* data;
    long row;

    Vector<Real> whole(int pattern, int column) const {
        return load<Vector<Real>>(data + pattern * row + column);
    }
    Vector<Real> part(int pattern, int column, int count) const {
        return load_part<Real>(data + pattern * row + column, count);
    }
    void put(int pattern, int column, Vector<Real> v) const {
        store(data + pattern * row + column, v);
    }
    void put_part(int pattern, int column, int count, Vector<Real> v) const {
        store_part<Real>(data + pattern * row + column, v, count);
    }
};

/** Rows of coordinates, read as variables. */
template <class Real, bool walls>
struct Variables {
    const double* data;
    long row;

    Vector<Real> whole(int pattern, int column) const {
        return variable<Real, walls>(data + pattern * row + column);
    }
    Vector<Real> part(int pattern, int column, int count) const {
        double lanes[Lanes<Real>::count];
        padded<Real>(data + pattern * row + column, count, lanes);
        return variable<Real, walls>(lanes);
    }
};

/** Rows of derivatives by variables, written as derivatives by the coordinates. */
template <class Real, bool walls>
struct Derivatives {
    Rows<Real> out;
    const double* coordinates;

    void put(int pattern, int column, Vector<Real> v) const {
        out.put(pattern, column, v * slope<Real, walls>(coordinates + pattern * out.row + column));
    }
    void put_part(int pattern, int column, int count, Vector<Real> v) const {
        double lanes[Lanes<Real>::count];
        padded<Real>(coordinates + pattern * out.row + column, count, lanes);
        out.put_part(pattern, column, count, v * slope<Real, walls>(lanes));
    }
};

/** Fill a panel with `count` patterns of `columns` numbers; later patterns are 0. */
template <class Real, class Source>
inline void to_panel(Source source, int columns, int count, Panel<Real> panel) {
    constexpr int n = Lanes<Real>::count;
    for (int t = 0; t < panel.length; t += n) {
        const int valid = count - t < n ? count - t : n;
        for (int next = 0; next < columns; next += n) {
            // The last square overlaps the one before, where there are columns enough.
            const int column = next + n <= columns || columns < n ? next : columns - n;
            const int width = columns < n ? columns : n;
            Vector<Real> square[n];
            if (valid == n && width == n) {
#pragma GCC unroll 16
                for (int i = 0; i < n; i++) square[i] = source.whole(t + i, column);
            } else {
                for (int i = 0; i < n; i++)
                    square[i] = i >= valid   ? zero<Real>()
                                : width == n ? source.whole(t + i, column)
                                             : source.part(t + i, column, width);
            }
            transpose<Real>(square);
            if (width == n) {
#pragma GCC unroll 16
                for (int i = 0; i < n; i++)
                    store(panel.data + (column + i) * panel.row + t, square[i]);
            } else {
                for (int i = 0; i < width; i++)
                    store(panel.data + (column + i) * panel.row + t, square[i]);
            }
        }
    }
}

/** Write the first `count` patterns of a panel as rows. */
template <class Real, class Sink>
inline void from_panel(Panel<const Real> panel, int columns, int count, Sink sink) {
    constexpr int n = Lanes<Real>::count;
    for (int t = 0; t < count; t += n) {
        const int valid = count - t < n ? count - t : n;
        for (int next = 0; next < columns; next += n) {
            const int column = next + n <= columns || columns < n ? next : columns - n;
            const int width = columns < n ? columns : n;
            Vector<Real> square[n];
#pragma GCC unroll 16
            for (int i = 0; i < n; i++)
                square[i] = i < width
                                ? load<Vector<Real>>(panel.data + (column + i) * panel.row + t)
                                : zero<Real>();
            transpose<Real>(square);
            if (valid == n && width == n) {
#pragma GCC unroll 16
                for (int i = 0; i < n; i++) sink.put(t + i, column, square[i]);
            } else {
                for (int i = 0; i < valid; i++) {
                    if (width == n)
                        sink.put(t + i, column, square[i]);
                    else
                        sink.put_part(t + i, column, width, square[i]);
                }
            }
        }
    }
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
