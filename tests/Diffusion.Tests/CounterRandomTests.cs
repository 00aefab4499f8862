using CsCheck;

namespace LLaDA.Diffusion.Tests;

public sealed class CounterRandomTests
{
    private static readonly Gen<RandomStream> s_streams = Gen.UInt.Select(stream => (RandomStream)stream);

    /// <summary>Counter, key and output from the known-answer tests of Random123.</summary>
    [Theory]
    [InlineData("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8")]
    [InlineData("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd")]
    [InlineData("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1")]
    public void Philox_gives_the_published_answers(string counter, string key, string output)
    {
        var (c, k) = (Words(counter), Words(key));

        var (first, second, third, fourth) = CounterRandom.Philox((c[0], c[1], c[2], c[3]), (k[0], k[1]));

        Assert.Equal(Words(output), new[] { first, second, third, fourth });
    }

    [Fact]
    public void Uniform_lies_between_zero_and_one() =>
        Gen.Select(Gen.ULong, Gen.UInt, Gen.ULong, s_streams).Sample((seed, step, index, stream) =>
        {
            double uniform = new CounterRandom(seed).Uniform(step, index, stream);
            Assert.True(uniform is > 0 and < 1);
        }, iter: 10_000);

    [Theory]
    [InlineData(0UL)]
    [InlineData(ulong.MaxValue)]
    public void Uniform_of_extreme_bits_is_neither_zero_nor_one(ulong bits) => Assert.True(CounterRandom.ToUniform(bits) is > 0 and < 1);

    [Fact]
    public void Uniform_is_uniform()
    {
        var random = new CounterRandom(7);
        const int draws = 100_000, bins = 20;
        int[] counts = new int[bins];
        for (uint index = 0; index < draws; index++)
            counts[(int)(bins * random.Uniform(3, index, RandomStream.Token))]++;

        // 99.9 % quantile of chi square with 19 degrees of freedom.
        Assert.InRange(counts.Sum(count => Math.Pow(count - (draws / bins), 2) / (draws / bins)), 0, 43.8);
    }

    [Fact]
    public void Below_stays_below_and_reaches_every_number()
    {
        var random = new CounterRandom(1);

        foreach (ulong bound in new ulong[] { 1, 2, 7 })
            Assert.Equal(
                bound,
                (ulong)Enumerable.Range(0, 200).Select(index => random.Below(bound, 0, (ulong)index, RandomStream.Token))
                    .Where(drawn => drawn < bound).Distinct().Count());
        Gen.Select(Gen.ULong[1, ulong.MaxValue], Gen.ULong).Sample(
            (bound, index) => Assert.True(random.Below(bound, 0, index, RandomStream.Token) < bound));
    }

    [Fact]
    public void Draw_depends_on_each_counter_and_the_seed_and_on_nothing_else() =>
        Gen.Select(Gen.ULong, Gen.UInt, Gen.ULong, s_streams).Sample((seed, step, index, stream) =>
        {
            var random = new CounterRandom(seed);
            double drawn = random.Uniform(step, index, stream);
            Assert.NotEqual(drawn, random.Uniform(step + 1, index, stream));
            Assert.NotEqual(drawn, random.Uniform(step, index + 1, stream));
            Assert.NotEqual(drawn, random.Uniform(step, index + (1UL << 32), stream));
            Assert.NotEqual(drawn, random.Uniform(step, index, stream + 1));
            Assert.NotEqual(drawn, new CounterRandom(seed + 1).Uniform(step, index, stream));
            Assert.NotEqual(drawn, new CounterRandom(seed + (1UL << 32)).Uniform(step, index, stream));
            Assert.Equal(drawn, new CounterRandom(seed).Uniform(step, index, stream));
        });

    /// <summary>Results and resumed runs depend on these numbers.</summary>
    [Fact]
    public void Numbers_of_streams_never_change() =>
        Assert.Equal(
            "Remasking 1, Token 2, NoiseLevel 1, Mask 2, FirstMask 3, MaskAfterFirst 4, EpochOrder 11, EpochOffset 12, DialoguePair 13, "
            + "RandomCut 21, RandomLength 22, " +
            "MaskCount 31, AnswerMask 32, CausalToken 41, ClozeMask 51, GapStart 52, ShotChoice 53, ShotOrder 54, InfillWindow 61, "
            + "Answer 62, BoundLevel 71, BoundMask 72, InitialVector 81, Rollout 91",
            string.Join(", ", typeof(RandomStream).GetFields().Where(field => field.IsLiteral)
                .Select(field => $"{field.Name} {field.GetRawConstantValue()}")));

    private static uint[] Words(string hex) => [.. hex.Split(' ').Select(word => Convert.ToUInt32(word, 16))];
}
