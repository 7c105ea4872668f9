#ifndef THERMALNET_TASKS_H_
#define THERMALNET_TASKS_H_

// What the kernels work on: plain arrays, made and owned by the engine. No instruction set is in
// here; see table.h for the kernels themselves.

#include <cstdint>

namespace ThermalNet {

/** What a network's energy is. Layers are counted from 1, and layer 0 are the inputs. */
struct Network {
    int depth;
    int patterns;
    const int* widths;    // N_0 ... N_L
    const double* gains;  // g_1 ... g_L, in places 0 ... L-1
    int energy;           // NetworkForce::Energy
    int activation;       // NetworkForce::Activation
    bool bias;
    bool walls;
    /** Where the spins of a layer begin, and its weights and biases, counted in parameters. */
    const long* spins;  // by layer; L + 1 places
    const long* weights;
    const long* biases;
    long firstWeight;  // parameters before it are spins
    long parameters;
};

/** The patterns, as kernels read them. A tile is `length` of them, side by side, whole vectors. */
template <class Real>
struct Patterns {
    int length;
    int tiles;
    const Real* targets;  // [tile][N_L][length]
    const Real* inputs;   // [tile][N_0][length]; null where the inputs are lists
    // Inputs of two values, `low` and `low + step`: which are high, as lists. Null if the inputs
    // are dense. Each list ends where the next begins.
    const int* highInputs;      // for each group of inputs and each pattern
    const int* firstHighInput;  // [group][pattern]
    int groups;
    const int* highPatterns;      // for each tile and each input
    const int* firstHighPattern;  // [tile][input]
    Real low;
    Real step;
    long gradientBegin;  // weights before the first of Chunk::gradient
    int row;             // numbers in a row of first-layer fields: 3 N_1, in whole vectors
};

/** A block: three replicas, and what an evaluation leaves of them. */
template <class Real>
struct Block {
    const double* coordinates;  // 3 P, of this block
    Real* weights;              // variables of the weights and biases, one plane for each replica
    long plane;                 // numbers of a plane
    Real* columns;              // lists: the first weights as [input][row], scaled
    Real* base;                 // lists: a row of fields where no input is high
    Real* bySpin;               // dE_l/dS_l without the layer's factor, times the slope of the fold
    Real* byField;              // dE_{l+1}/dS_l alike
    Real* rows;                 // lists: derivative by the first fields, [pattern][row]
};

/** A stretch of tiles that one thread takes, and its share of what is summed over patterns. */
template <class Real>
struct Chunk {
    int firstTile;
    int lastTile;    // beyond the last
    Real* panels;    // scratch; see panel_numbers in layered.h and feedforward.h
    Real* gradient;  // by weights and biases, in planes, from gradientBegin on
    double* sums;    // [layer][3], from layer 1: what the energies are made of
};

/** Derivatives by weights and biases, which several chunks have summed. */
template <class Real>
struct Gradients {
    const Real* const* chunks;
    int count;
    long begin;  // weights before the first
    long plane;  // numbers of a plane
};

/** A thermostat's step of a stretch of coordinates. */
struct StepTask {
    double* positions;
    double* velocities;
    const double* forces;
    long first;  // coordinates; a multiple of kNoiseBlock
    long last;
    double positionScale;  // dt / 2 for Langevin dynamics
    double forceScale;     // dt / m; dt / (m gamma) for Brownian dynamics
    double velocityScale;  // e^{-gamma dt}; 1 / dt for Brownian dynamics
    double noiseScale;
    uint64_t key;
    uint64_t counter;
};

/** Coordinates whose noise is drawn together; where stretches of a step may begin. */
constexpr long kNoiseBlock = 1024;

}  // namespace ThermalNet

#endif
