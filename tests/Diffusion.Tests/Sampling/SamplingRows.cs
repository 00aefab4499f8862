using CsCheck;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Tests.Sampling;

/// <summary>Canvases to denoise.</summary>
internal static class SamplingRows
{
    private static readonly Gen<int> s_token = Gen.Int[0, TinyModel.NumTextTokens - 1];

    private static readonly Gen<int[]> s_canvases = Gen.Frequency((2, s_token), (3, Gen.Const(TinyModel.Mask))).Array[1, 24];

    private static readonly Gen<SamplingOptions> s_options =
        from steps in Gen.Int[0, 30]
        from blockLength in Gen.Int[0, 26]
        from temperature in Gen.OneOf(0, 0.7, 1.5)
        from topP in Gen.OneOf(1, 0.8)
        from cfgScale in Gen.OneOf(0, 0, 1.5)
        from remasking in Gen.OneOf(Remasking.LowConfidence, Remasking.Random)
        from forbidsEos in Gen.Bool
        from defersEos in Gen.Bool
        from seed in Gen.ULong
        select new SamplingOptions
        {
            Steps = steps == 0 ? null : steps,
            BlockLength = blockLength == 0 ? null : blockLength,
            Temperature = temperature,
            TopP = topP,
            CfgScale = cfgScale,
            Remasking = remasking,
            ForbidsEos = forbidsEos,
            DefersEos = defersEos,
            Seed = seed,
        };

    /// <summary>Any canvas with any options.</summary>
    public static Gen<SamplingRow> Any { get; } = from canvas in s_canvases from options in s_options select new SamplingRow(
        canvas, options);

    /// <summary>A prompt with masks behind it.</summary>
    public static SamplingRow Generation(int numMasks, SamplingOptions? options = null, params ReadOnlySpan<int> prompt) =>
        new([.. prompt, .. Enumerable.Repeat(TinyModel.Mask, numMasks)], options ?? new());

    /// <summary>The masked positions of a canvas.</summary>
    public static int[] Masks(this SamplingRow row) =>
        [.. row.Canvas.Index().Where(entry => entry.Item == TinyModel.Mask).Select(entry => entry.Index)];
}
