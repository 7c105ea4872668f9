// Runs the tests of an instruction set, or returns 77 where this machine cannot: a program that is
// compiled for an instruction set may use it before its main() begins.

#include <unistd.h>

#include <cstdio>
#include <cstring>

static bool usable(const char* name) {
    __builtin_cpu_init();
    if (std::strcmp(name, "x86_64_v4") == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
    if (std::strcmp(name, "x86_64_v3") == 0)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi2");
    return std::strcmp(name, "x86_64_v2") == 0 && __builtin_cpu_supports("sse4.2");
}

int main(int count, char** arguments) {
    if (count != 3) return 1;
    if (!usable(arguments[1])) {
        std::printf("%s: not on this machine\n", arguments[1]);
        return 77;
    }
    execv(arguments[2], arguments + 2);
    std::perror(arguments[2]);
    return 1;
}
