using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Families;

/// <summary>The network of each family against its official code.</summary>
public sealed class ForwardTests
{
    private const float Tolerance = 2e-4f, WeightTolerance = 1e-5f;

    public static TheoryData<string> BlockCausal => GoldenFolder.Of("sdar", "llada2");

    public static TheoryData<string> Padded => GoldenFolder.Of("dream", "llada-moe");

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(GoldenFolder.Families), MemberType = typeof(GoldenFolder))]
    public void Hidden_states_of_every_layer_and_logits_equal_the_references(string name)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();
        var expected = golden["forward.logits"];
        var packed = model.Pack(golden["forward.input_ids"], null);
        var rotation = model.Rotate(packed);

        var x = model.Embed(packed.Tokens);
        AssertHidden(golden, "0", x);
        for (int layer = 0; layer < model.Config.NumLayers; layer++)
        {
            x = model.Block(layer, x, rotation, packed);
            AssertHidden(golden, $"{layer + 1}", x);
        }
        x = model.Normalize(x);
        AssertHidden(golden, "norm", x);
        AssertClose(expected, model.Logits(x).view(expected.shape));
        AssertClose(expected, model.call(golden["forward.input_ids"]));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(GoldenFolder.Families), MemberType = typeof(GoldenFolder))]
    public void Chosen_experts_and_their_weights_equal_the_references(string name)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();
        Dictionary<int, RouterChoice> choices = [];
        var packed = model.Pack(golden["forward.input_ids"], null) with
        {
            OnChoice = (layer, choice) =>
                choices[layer] = new RouterChoice(Kept(choice.Experts), Kept(choice.Weights), Kept(choice.Logits)),
        };

        model.Hidden(packed);

        int[] sparse = [.. Enumerable.Range(0, model.Config.NumLayers).Where(model.Config.HasExperts)];
        Assert.Equal(sparse, choices.Keys.Order());
        foreach (var (layer, choice) in choices)
        {
            var (experts, order) = choice.Experts.sort(-1);
            Assert.Equal(golden.Tokens($"forward.router.{layer}.experts"), experts.data<long>().ToArray());
            AssertClose(golden[$"forward.router.{layer}.weights"], choice.Weights.gather(1, order), WeightTolerance);
            AssertClose(golden[$"forward.router.{layer}.logits"], choice.Logits);
        }

        Tensor Kept(Tensor tensor)
        {
            var copy = tensor.clone();
            scope.Attach(copy);
            return copy;
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(BlockCausal))]
    public void Block_against_kept_keys_and_values_equals_the_reference(string name)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var golden = new GoldenFolder(name);
        if (!golden.Has("cache.logits"))
            return;
        using var model = golden.Load();
        int numCached = golden.Json.GetProperty("cache").GetProperty("cached_tokens").GetInt32();
        long[] tokens = golden.Tokens("cache.input_ids");
        using var cache = new KeyValueArena(model.Config, model.ComputeType, model.Device).Rent(tokens.Length);
        int blockLength = model.Config.BlockLength!.Value;

        Pass(0, numCached, BlockCausalMask.Of(0, numCached, numCached, blockLength, model.Device));
        var block = model.Logits(Pass(numCached, tokens.Length, mask: null));

        AssertClose(golden["cache.logits"], block.unsqueeze(0));
        var whole = model.call(golden["cache.input_ids"]).narrow(1, numCached, tokens.Length - numCached);
        AssertClose(whole, block.unsqueeze(0), 1e-5f);

        Tensor Pass(int start, int end, Tensor? mask)
        {
            var positions = arange(start, end, ScalarType.Int64);
            var segment = new Segment(0, 1, end - start) { Cache = cache, NumSeen = end, Mask = mask };
            return model.Hidden(new PackedTokens(tensor(tokens[start..end]), positions, [segment]));
        }
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Padded))]
    public void Padding_is_seen_by_no_token(string name)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var golden = new GoldenFolder(name);
        if (!golden.Has("padded.logits"))
            return;
        using var model = golden.Load();
        var isToken = golden["padded.attention_mask"].to(ScalarType.Bool);

        var logits = model.Logits(model.Hidden(golden["padded.input_ids"], isToken));

        AssertClose(golden["padded.logits"].masked_select(isToken.unsqueeze(-1)), logits.masked_select(isToken.unsqueeze(-1)));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(GoldenFolder.Families), MemberType = typeof(GoldenFolder))]
    public void Place_of_a_position_holds_its_prediction(string name)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();
        var logits = golden["forward.logits"];
        var predictions = golden.Has("forward.shifted_logits") ? golden["forward.shifted_logits"] : logits;
        long[] places = [.. Enumerable.Range(0, (int)logits.shape[1]).Select(position => (long)model.Config.PlaceOf(position))];

        AssertClose(predictions, logits.index_select(1, tensor(places)), 0);
    }

    private static void AssertHidden(GoldenFolder golden, string key, Tensor actual)
    {
        var expected = golden[$"forward.hidden.{key}"];
        AssertClose(expected, actual.view(expected.shape));
    }

    private static void AssertClose(Tensor expected, Tensor actual, float tolerance = Tolerance) =>
        Assert.InRange((expected.flatten() - actual.flatten()).abs().max().item<float>(), 0, tolerance);
}
