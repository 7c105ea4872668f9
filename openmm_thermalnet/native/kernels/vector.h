#ifndef THERMALNET_VECTOR_H_
#define THERMALNET_VECTOR_H_

// Registers full of numbers, in the vector extensions of GCC and Clang.

#include <cstdint>
#include <type_traits>
#include <utility>

#include "isa.h"

namespace ThermalNet {
namespace THERMALNET_ISA {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
constexpr int kRegisters = 32;
#elif defined(__AVX__)
constexpr int kBytes = 32;
constexpr int kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kBytes = 16;
constexpr int kRegisters = 32;
#else
constexpr int kBytes = 16;
constexpr int kRegisters = 16;
#endif

template <class Number, int Count>
struct VectorOf {
    typedef Number type __attribute__((vector_size(Count * sizeof(Number))));
};

template <class Real>
struct IntegerOf;
template <>
struct IntegerOf<float> {
    using type = int32_t;
};
template <>
struct IntegerOf<double> {
    using type = int64_t;
};

/** What a register holds of a type. */
template <class Real>
struct Lanes {
    static constexpr int count = kBytes / static_cast<int>(sizeof(Real));
    using Integer = typename IntegerOf<Real>::type;
    using Vector = typename VectorOf<Real, count>::type;
    using Integers = typename VectorOf<Integer, count>::type;
};

template <class Real>
using Vector = typename Lanes<Real>::Vector;

template <class V, class Number>
inline V load(const Number* from) {
    V v;
    __builtin_memcpy(&v, from, sizeof(V));
    return v;
}

template <class V, class Number>
inline void store(Number* to, V v) {
    __builtin_memcpy(to, &v, sizeof(V));
}

/** Numbers on end, from an array that may have fewer: the others are 0. */
template <class Real>
inline Vector<Real> load_part(const Real* from, int count) {
    if (count >= Lanes<Real>::count) return load<Vector<Real>>(from);
    Real lanes[Lanes<Real>::count] = {};
    for (int i = 0; i < count; i++) lanes[i] = from[i];
    return load<Vector<Real>>(lanes);
}

/** Store the first `count` numbers of a vector. */
template <class Real>
inline void store_part(Real* to, Vector<Real> v, int count) {
    if (count >= Lanes<Real>::count) return store(to, v);
    for (int i = 0; i < count; i++) to[i] = v[i];
}

template <class To, class From>
inline To bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    __builtin_memcpy(&to, &from, sizeof(To));
    return to;
}

template <class Real>
inline Vector<Real> zero() {
    return Vector<Real>{};
}

template <class Real>
inline Vector<Real> broadcast(Real x) {
    return Vector<Real>{} + x;
}

/** Doubles for as many lanes as a Vector<Real> has: one register, or two. */
template <class Real>
struct Wide {
    static constexpr int parts = 8 / static_cast<int>(sizeof(Real));
    Vector<double> part[parts];

    static Wide load(const double* from) {
        Wide wide;
        for (int p = 0; p < parts; p++)
            wide.part[p] =
                ThermalNet::THERMALNET_ISA::load<Vector<double>>(from + p * Lanes<double>::count);
        return wide;
    }
    void store(double* to) const {
        for (int p = 0; p < parts; p++)
            ThermalNet::THERMALNET_ISA::store(to + p * Lanes<double>::count, part[p]);
    }
};

namespace detail {
template <int... I>
inline Vector<float> joined(typename VectorOf<float, Lanes<double>::count>::type a,
                            typename VectorOf<float, Lanes<double>::count>::type b,
                            std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, I...);
}
template <int first, int... I>
inline typename VectorOf<float, Lanes<double>::count>::type half(Vector<float> v,
                                                                 std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(v, v, (first + I)...);
}
}  // namespace detail

template <class Real>
inline Vector<Real> narrow(Wide<Real> wide) {
    if constexpr (Wide<Real>::parts == 1) {
        return wide.part[0];
    } else {
        using Half = typename VectorOf<float, Lanes<double>::count>::type;
        return detail::joined(__builtin_convertvector(wide.part[0], Half),
                              __builtin_convertvector(wide.part[1], Half),
                              std::make_integer_sequence<int, Lanes<float>::count>{});
    }
}

template <class Real>
inline Wide<Real> widen(Vector<Real> v) {
    if constexpr (Wide<Real>::parts == 1) {
        return {{v}};
    } else {
        using Sequence = std::make_integer_sequence<int, Lanes<double>::count>;
        return {{__builtin_convertvector(detail::half<0>(v, Sequence{}), Vector<double>),
                 __builtin_convertvector(detail::half<Lanes<double>::count>(v, Sequence{}),
                                         Vector<double>)}};
    }
}

/** Lanes that take part: the first `count`. */
template <class Real>
inline typename Lanes<Real>::Integers first_lanes(int count) {
    typename Lanes<Real>::Integers mask{};
    for (int i = 0; i < Lanes<Real>::count; i++) mask[i] = i < count ? -1 : 0;
    return mask;
}

namespace detail {

// For a pair (a, b) of vectors and a distance h, a power of 2: lanes whose number has the bit h
// unset, and those that have it set. These two are the step of a transposition.
template <int H, class V, int... I>
inline V low_half(V a, V b, std::integer_sequence<int, I...>) {
    constexpr int n = sizeof...(I);
    return __builtin_shufflevector(a, b, ((I & H) ? n + I - H : I)...);
}
template <int H, class V, int... I>
inline V high_half(V a, V b, std::integer_sequence<int, I...>) {
    constexpr int n = sizeof...(I);
    return __builtin_shufflevector(a, b, ((I & H) ? n + I : I + H)...);
}

template <int H, class Real>
[[gnu::always_inline]] inline void transpose_step(Vector<Real>* rows) {
    constexpr int n = Lanes<Real>::count;
    using Sequence = std::make_integer_sequence<int, n>;
    if constexpr (H > 0) {
#pragma GCC unroll 16
        for (int i = 0; i < n; i++) {
            if (i & H) continue;
            const Vector<Real> a = rows[i], b = rows[i + H];
            rows[i] = low_half<H>(a, b, Sequence{});
            rows[i + H] = high_half<H>(a, b, Sequence{});
        }
        transpose_step<H / 2, Real>(rows);
    }
}

template <int H, class Real>
[[gnu::always_inline]] inline void sum_step(Vector<Real>* rows) {
    using Sequence = std::make_integer_sequence<int, Lanes<Real>::count>;
    if constexpr (H > 0) {
#pragma GCC unroll 16
        for (int i = 0; i < H; i++) {
            const Vector<Real> a = rows[i], b = rows[i + H];
            rows[i] = low_half<H>(a, b, Sequence{}) + high_half<H>(a, b, Sequence{});
        }
        sum_step<H / 2, Real>(rows);
    }
}

// Lanes of three vectors on end, in which x, y and z alternate: those of coordinate c.
template <int C, class V, int... I>
inline V separated(const V* v, std::integer_sequence<int, I...>) {
    constexpr int n = sizeof...(I);
    const V two = __builtin_shufflevector(v[0], v[1], (3 * I + C < 2 * n ? 3 * I + C : 0)...);
    return __builtin_shufflevector(two, v[2], (3 * I + C < 2 * n ? I : 3 * I + C - n)...);
}
// The other way: part P of three.
template <int P, class V, int... I>
inline V alternating(const V* v, std::integer_sequence<int, I...>) {
    constexpr int n = sizeof...(I);
    const V two = __builtin_shufflevector(
        v[0], v[1], ((P * n + I) % 3 == 0 ? (P * n + I) / 3 : n + (P * n + I) / 3)...);
    return __builtin_shufflevector(two, v[2], ((P * n + I) % 3 < 2 ? I : n + (P * n + I) / 3)...);
}

}  // namespace detail

/** Three vectors on end, in which x, y and z alternate, become one of each. */
template <class Real>
inline void separate(Vector<Real>* v) {
    using Sequence = std::make_integer_sequence<int, Lanes<Real>::count>;
    const Vector<Real> from[3] = {v[0], v[1], v[2]};
    v[0] = detail::separated<0>(from, Sequence{});
    v[1] = detail::separated<1>(from, Sequence{});
    v[2] = detail::separated<2>(from, Sequence{});
}

/** The other way. */
template <class Real>
inline void alternate(Vector<Real>* v) {
    using Sequence = std::make_integer_sequence<int, Lanes<Real>::count>;
    const Vector<Real> from[3] = {v[0], v[1], v[2]};
    v[0] = detail::alternating<0>(from, Sequence{});
    v[1] = detail::alternating<1>(from, Sequence{});
    v[2] = detail::alternating<2>(from, Sequence{});
}

/** Transpose a square of as many vectors as each has lanes. */
template <class Real>
inline void transpose(Vector<Real>* rows) {
    detail::transpose_step<Lanes<Real>::count / 2, Real>(rows);
}

/** Sums over the lanes of as many vectors as each has lanes: lane i holds that of rows[i]. */
template <class Real>
inline Vector<Real> sums(Vector<Real>* rows) {
    detail::sum_step<Lanes<Real>::count / 2, Real>(rows);
    return rows[0];
}

}  // namespace THERMALNET_ISA
}  // namespace ThermalNet

#endif
