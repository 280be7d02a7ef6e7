/* The machine's loop for numbers of the type REAL: scalars.c includes it for double and for float. */

/* A run of a ufunc: the operands are gathered, its inner loop computes, and the results are put in their places. Returns the floating-point
   flags that were up before: some loops take down all, to be silent themselves. */
static int CALL(const Ufunc *ufunc, const npy_int32 *at, npy_intp count, REAL *v)
{
    REAL numbers[MOST_OPERANDS + 1][CHUNK];
    npy_intp width = 1 + ufunc->operands;
    int raised = 0;
    for (npy_intp length; count > 0; count -= length, at += length * width) {
        char *arguments[MOST_OPERANDS + 1];
        npy_intp steps[MOST_OPERANDS + 1];
        length = count < CHUNK ? count : CHUNK;
        for (npy_intp k = 0; k < width; k++) {  /* the operands in their order, and behind them the result */
            arguments[k] = (char *)numbers[k];
            steps[k] = sizeof(REAL);
            for (npy_intp i = 0; i < length && k < ufunc->operands; i++)
                numbers[k][i] = v[at[i * width + 1 + k]];
        }
        raised |= fetestexcept(FE_ALL_EXCEPT);
        ufunc->loop.function(arguments, &length, steps, ufunc->loop.data);
        for (npy_intp i = 0; i < length; i++)
            v[at[i * width]] = numbers[ufunc->operands][i];
    }
    return raised;
}

/* Runs a program, and returns the floating-point flags that it raised. */
static int RUN(const npy_int32 *at, const npy_int32 *end, REAL *v, const Ufunc *ufuncs)
{
    int raised = 0;
    feclearexcept(FE_ALL_EXCEPT);
    while (at < end) {
        npy_int32 primitive = at[0];
        npy_intp count = at[1];
        at += 2;
        const npy_int32 *next = at + count * (1 + operands_of(primitive, ufuncs));
        switch (primitive) {
        PRIMITIVES(AS_CASE)
        case CLEAR:
            for (; at < next; at += 2)
                for (npy_int32 i = at[0]; i <= at[1]; i++)
                    v[i] = -(REAL)0;
            break;
        default:
            raised |= CALL(&ufuncs[primitive - COUNT], at, count, v);
        }
        at = next;
    }
    raised |= fetestexcept(FE_ALL_EXCEPT);
    feclearexcept(FE_ALL_EXCEPT);
    return raised;
}
