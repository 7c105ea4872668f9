// What this machine can do: multiplications and additions a second, and bytes copied.

#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "vector.h"

using ThermalNet::host::broadcast;
using ThermalNet::host::kRegisters;
using ThermalNet::host::Lanes;
using ThermalNet::host::Vector;

namespace {

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace

extern "C" {

/** Operations a second of one thread in single precision; a multiplication and addition is two. */
double peak_flops(long rounds) {
    constexpr int chains = kRegisters / 2;
    Vector<float> sum[chains];
    for (int i = 0; i < chains; i++) sum[i] = broadcast(static_cast<float>(i));
    const Vector<float> factor = broadcast(0.999f), shift = broadcast(1e-3f);
    const double start = now();
    for (long k = 0; k < rounds; k++)
#pragma GCC unroll 16
        for (int i = 0; i < chains; i++) sum[i] = sum[i] * factor + shift;
    const double seconds = now() - start;
    volatile float kept = 0;
    for (int i = 0; i < chains; i++) kept = kept + sum[i][0];
    return 2.0 * rounds * chains * Lanes<float>::count / seconds;
}

/** Bytes a second, read and written, of copying `size` bytes with some threads. */
double copy_bytes(char* to, const char* from, long size, int threads, int rounds) {
    const double start = now();
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; t++)
        workers.emplace_back([=] {
            const long first = size * t / threads, last = size * (t + 1) / threads;
            for (int k = 0; k < rounds; k++) std::memcpy(to + first, from + first, last - first);
        });
    for (std::thread& worker : workers) worker.join();
    return 2.0 * size * rounds / (now() - start);
}
}
