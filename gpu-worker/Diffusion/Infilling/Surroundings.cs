namespace LLaDA.Diffusion.Infilling;

/// <summary>
/// How much of the text around a place a canvas of the model's context holds; what is furthest from the place is left out.
/// </summary>
/// <param name="NumBefore">Tokens before the place.</param>
/// <param name="NumBehind">Tokens behind it.</param>
internal readonly record struct Surroundings(int NumBefore, int NumBehind)
{
    /// <param name="length">Tokens of the place.</param>
    /// <param name="context">Tokens of the longest canvas.</param>
    public static Surroundings Of(int numBefore, int length, int numBehind, int context)
    {
        int room = context - length;
        int before = Math.Min(numBefore, Math.Max(room / 2, room - numBehind));
        return new Surroundings(before, Math.Min(numBehind, room - before));
    }
}
