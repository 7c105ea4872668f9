// Which of the compiled instruction sets this machine can run.

#include <cstdlib>
#include <cstring>

#include "table.h"

namespace ThermalNet {

#define THERMALNET_INSTRUCTION_SET(isa)        \
    namespace isa {                            \
    void energy_single(Kernels& kernels);      \
    void energy_double(Kernels& kernels);      \
    void steps(Kernels& kernels);              \
    const Kernels* kernels(const char* name) { \
        static const Kernels all = [name] {    \
            Kernels made{};                    \
            made.name = name;                  \
            energy_single(made);               \
            energy_double(made);               \
            steps(made);                       \
            return made;                       \
        }();                                   \
        return &all;                           \
    }                                          \
    }

#if defined(__x86_64__)
THERMALNET_INSTRUCTION_SET(x86_64_v4)
THERMALNET_INSTRUCTION_SET(x86_64_v3)
THERMALNET_INSTRUCTION_SET(x86_64_v2)
#else
THERMALNET_INSTRUCTION_SET(baseline)
#endif

namespace {

std::vector<const Kernels*> find() {
    std::vector<const Kernels*> found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("bmi2");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        found.push_back(x86_64_v4::kernels("x86-64-v4"));
    if (avx2) found.push_back(x86_64_v3::kernels("x86-64-v3"));
    if (__builtin_cpu_supports("sse4.2")) found.push_back(x86_64_v2::kernels("x86-64-v2"));
#else
#if defined(__aarch64__)
    const char* name = "aarch64";
#else
    const char* name = "baseline";
#endif
    found.push_back(baseline::kernels(name));
#endif
    return found;
}

}  // namespace

const std::vector<const Kernels*>& usableKernels() {
    static const std::vector<const Kernels*> usable = find();
    return usable;
}

const Kernels* bestKernels() {
    const char* asked = std::getenv("THERMALNET_INSTRUCTION_SET");
    for (const Kernels* kernels : usableKernels())
        if (!asked || std::strcmp(asked, kernels->name) == 0) return kernels;
    return nullptr;
}

}  // namespace ThermalNet
