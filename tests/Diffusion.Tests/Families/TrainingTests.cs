using System.Text.Json;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Optimizers;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Families;

/// <summary>The fine-tuning losses of each family, and three steps of AdamW on them, against its official trainer.</summary>
public sealed class TrainingTests
{
    private const double Tolerance = 1e-4;

    public static TheoryData<string> Dreams => Trained("dream");

    public static TheoryData<string> Sdars => Trained("sdar");

    public static TheoryData<string> LLaDAMoEs => Trained("llada-moe");

    public static TheoryData<string> LLaDA2s => Trained("llada2");

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Dreams))]
    public void Dreams_losses_equal_the_references(string name)
    {
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();
        var train = golden.Json.GetProperty("train");
        var losses = train.GetProperty("losses");
        DiffusionObjective Weighted(TokenWeight weight, double decay = 0.1) =>
            DiffusionObjective.Dream with { Weight = weight, CartDecay = decay };
        Dictionary<string, DiffusionObjective> objectives = new()
        {
            ["original"] = DiffusionObjective.Dream, ["linear"] = Weighted(TokenWeight.Linear), ["none"] = Weighted(TokenWeight.One),
            ["cart"] = Weighted(TokenWeight.Cart, train.GetProperty("cart_p").GetDouble()), ["cart_0.3"] = Weighted(TokenWeight.Cart, 0.3),
        };

        double[] context = [.. golden["train.cart_weight"].data<double>()];
        var weighted = Dream(golden, "train", objectives["cart"]);
        bool[] isMasked = [.. golden["train.masked"].data<bool>()];
        foreach (var (expected, actual) in context.Where((_, index) => isMasked[index]).Zip(weighted.Weights!))
            AssertClose(expected, actual * weighted.Masked.Count, 1e-6);
        foreach (var (weight, objective) in objectives)
            AssertClose(losses.GetProperty(weight).GetDouble(), Loss(model, Dream(golden, "train", objective)));
        var focal = train.GetProperty("focal");
        AssertClose(losses.GetProperty("focal_original").GetDouble(), Loss(model, Dream(golden, "train", DiffusionObjective.Dream with
        {
            Focal = new FocalLoss(focal.GetProperty("gamma").GetDouble(), focal.GetProperty("alpha").GetDouble()),
        })));
        AssertClose(
            losses.GetProperty("original_eos_as_one").GetDouble(),
            Loss(model, Dream(golden, "train.eos_as_one", DiffusionObjective.Dream)));
        foreach (string weight in (string[])["original", "cart"])
            FollowsTheReference(golden, $"train.{weight}", train.GetProperty(weight), Dream(golden, "train", objectives[weight]));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Sdars))]
    public void Sdars_losses_equal_the_references(string name)
    {
        using var golden = new GoldenFolder(name);
        var train = golden.Json.GetProperty("train");
        int[][] samples = train.GetProperty("packed_lengths").Deserialize<int[][]>()!;
        int[][] clean = golden.Rows("train.input_ids");
        double[] probabilities = [.. golden["train.p_mask"].data<float>().Select(value => (double)value)];
        var masked = Masked(golden, "train.masked", clean, (index, _) => probabilities[index]);
        using var model = golden.Load();
        var batch = new NoisedBatch(Noised(clean, masked, model.Config.MaskTokenId), clean.Length, clean[0].Length, masked)
        {
            Samples = samples,
            Weights = [.. masked.Select(token => (float)(1 / (token.Probability * train.GetProperty("answer_tokens").GetInt32())))],
        }.WithClean(clean);

        RequireMask(golden, batch, model.Config.BlockLength!.Value);
        FollowsTheReference(golden, "train", train, batch);
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(LLaDA2s))]
    public void LLaDA2s_losses_equal_the_references(string name)
    {
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();
        var train = golden.Json.GetProperty("train");
        int[] prompts = [.. golden.Tokens("train.prompt_lengths").Select(length => (int)length)];
        int[][] clean = golden.Rows("train.input_ids");
        float[] levels = [.. golden["train.noise_level"].data<float>()];
        float[] uniform = [.. golden["train.uniform"].data<float>()];
        long[] expected = golden.Tokens("train.noised_ids");
        MaskedToken[] masked = [.. Enumerable.Range(0, uniform.Length)
            .Select(index => (Index: index, Row: index / clean[0].Length, Position: index % clean[0].Length))
            .Where(place => uniform[place.Index] < levels[place.Row] && place.Position >= prompts[place.Row])
            .Select(place => new MaskedToken(place.Row, place.Position, place.Index, clean[place.Row][place.Position], levels[place.Row]))];
        Assert.Equal(expected, Noised(clean, masked, model.Config.MaskTokenId));
        var objective = DiffusionObjective.LLaDA2;
        NoisedBatch Batch(MaskedToken[] tokens, int[][] rows, int[] promptLengths) =>
            new NoisedBatch(Noised(rows, tokens, model.Config.MaskTokenId), rows.Length, rows[0].Length, tokens)
                .Weigh(promptLengths, objective.Reduction, objective).WithClean(rows);
        var batch = Batch(masked, clean, prompts);

        RequireMask(golden, batch, model.Config.BlockLength!.Value);
        FollowsTheReference(golden, "train", train, batch);

        HashSet<int> noised = [.. masked.Select(token => token.Index)];
        MaskedToken[] complement = [.. Masked(
            clean, index => golden.Tokens("train.complement_ids")[index] == model.Config.MaskTokenId, (_, row) => levels[row])];
        Assert.DoesNotContain(complement, token => noised.Contains(token.Index));
        AssertClose(train.GetProperty("complement_loss").GetDouble(), Loss(model, Batch(complement, clean, prompts)));
        MaskedToken[] both = [.. masked, .. complement.Select(token => token with
        {
            Row = token.Row + clean.Length, Index = token.Index + (clean.Length * clean[0].Length),
        })];
        AssertClose(
            train.GetProperty("pair_loss").GetDouble(), Loss(model, Batch(both, [.. clean, .. clean], [.. prompts, .. prompts])));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(LLaDAMoEs))]
    public void LLaDA_MoEs_losses_with_their_balance_equal_the_references(string name)
    {
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();
        var train = golden.Json.GetProperty("train");
        int[] prompts = [.. golden.Tokens("train.prompt_lengths").Select(length => (int)length)];
        int[][] clean = golden.Rows("train.input_ids");
        double[] t = [.. golden["train.t"].data<float>().Select(value => (double)value)];
        double[][] uniform = [.. golden["train.uniform"].data<float>().Select(value => (double)value).Chunk(clean[0].Length)];
        var batch = ForwardProcess.Noise(clean, model.Config.MaskTokenId, t, uniform).RestorePrompts(prompts, clean)
            .Weigh(prompts, LossReduction.Answer);
        double coefficient = train.GetProperty("balance_coefficient").GetDouble();

        Assert.Equal(coefficient, model.Config.Experts!.BalanceWeight);
        Assert.Equal(golden.Tokens("train.noised_ids"), batch.Tokens);
        AssertClose(train.GetProperty("sft_loss").GetDouble(), Loss(model, batch));
        AssertClose(
            train.GetProperty("balance_loss").GetDouble() * coefficient, Loss(model, batch, coefficient) - Loss(model, batch), 1e-3);
        FollowsTheReference(golden, "train", train, batch, coefficient);
    }

    /// <summary>Loss, gradients and update of three steps; once with all activations kept, and once computed again.</summary>
    private static void FollowsTheReference(
        GoldenFolder golden, string prefix, JsonElement train, NoisedBatch batch, double balanceWeight = 0)
    {
        foreach (bool recomputes in (bool[])[false, true])
        {
            using var scope = NewDisposeScope();
            using var model = golden.Load();
            model.train();
            var adamw = golden.Json.GetProperty("adamw");
            double Setting(string setting) => adamw.GetProperty(setting).GetDouble();
            var betas = adamw.GetProperty("betas");
            using var optimizer = new AdamW(
                [.. model.named_parameters().Select(entry => new DecayingParameter(entry.name, entry.parameter, Setting("weight_decay")))],
                betas[0].GetDouble(), betas[1].GetDouble(), Setting("eps"));
            double[] losses = [.. golden[$"{prefix}.losses"].data<double>()], norms = [.. golden[$"{prefix}.grad_norm"].data<double>()];

            for (int step = 0; step < losses.Length; step++)
            {
                Gradients.Clear(model.parameters());
                using var loss = DiffusionLoss.Backward(model, batch, recomputes, balanceWeight: balanceWeight);
                AssertClose(losses[step], loss.item<float>());
                if (step == norms.Length)
                    break;
                double norm = Gradients.Norm([.. model.parameters()]);
                AssertClose(norms[step], norm);
                if (step == 0)
                    RequireGradients(golden, prefix, train, model);
                optimizer.Update(step + 1, Setting("lr"), Math.Min(1, Setting("clip") / (norm + 1e-6)));
            }
            var embedding = model.Parameter("wte.weight");
            var expected = golden[$"{prefix}.final.{Name(model, "wte.weight")}"];
            // A gradient near zero may round to either sign, and Adam's first steps are signs.
            Assert.InRange((embedding - expected).abs().mean().item<float>(), 0, 2e-6f);
        }
    }

    private static void RequireGradients(GoldenFolder golden, string prefix, JsonElement train, MaskPredictor model)
    {
        var norms = train.GetProperty("grad_norm_by_tensor");
        bool isStacked = norms.EnumerateObject().Any(norm => norm.Name.EndsWith("experts.gate_proj", StringComparison.Ordinal));
        foreach (var (parameter, tensor) in model.named_parameters().Select(entry => (entry.name, entry.parameter)))
        {
            var gradient = tensor.grad;
            foreach (var stored in StoredTensor.Of(parameter, tensor.shape, model.Config.Family.Naming, isStacked))
            {
                double actual = gradient is null ? 0 : stored.In(gradient).norm().item<float>();
                double expected = norms.GetProperty(stored.Name).GetDouble();
                Assert.True(Math.Abs(expected - actual) <= (5e-4 * expected) + 1e-5, $"{stored.Name}: {actual} instead of {expected}");
                if (golden.Has($"{prefix}.grad.{stored.Name}"))
                {
                    var difference = golden[$"{prefix}.grad.{stored.Name}"] - stored.In(gradient!);
                    Assert.InRange(difference.norm().item<float>(), 0, (5e-4 * expected) + 1e-5);
                }
            }
        }
    }

    private static void RequireMask(GoldenFolder golden, NoisedBatch batch, int blockLength)
    {
        using var scope = NewDisposeScope();
        using var actual = batch.BlockDiffusion!.Mask(blockLength, CPU);
        var expected = golden["train.attention"];
        for (int row = 0; row < batch.BatchSize; row++)
        {
            // The reference puts each sample's clean tokens behind its noised ones.
            long[] order = [.. Order(batch.Samples?[row] ?? [batch.Length], batch.Length)];
            var ordered = actual[Math.Min(row, (int)actual.shape[0] - 1), 0].index_select(0, tensor(order)).index_select(1, tensor(order));
            var ofRow = expected.dim() == 2 ? expected : expected[row];
            Assert.True(ordered.equal(ofRow).all().item<bool>(), $"row {row}");
        }

        static IEnumerable<long> Order(int[] samples, int length)
        {
            long start = 0;
            foreach (int sample in samples)
            {
                for (long half = 0; half < 2; half++)
                {
                    for (long place = 0; place < sample; place++)
                        yield return (half * length) + start + place;
                }
                start += sample;
            }
        }
    }

    private static NoisedBatch Dream(GoldenFolder golden, string masks, DiffusionObjective objective)
    {
        int[][] clean = golden.Rows("train.input_ids");
        float[] t = [.. golden["train.t"].data<float>()];
        var masked = Masked(golden, $"{masks}.masked", clean, (_, row) => t[row]);
        var batch = new NoisedBatch(golden.Tokens($"{masks}.noised_ids"), clean.Length, clean[0].Length, masked)
            .Weigh(new int[clean.Length], objective.Reduction, objective);
        return PaddedAtTheEnd(batch, golden.Tokens("train.attention_mask"));
    }

    /// <summary>The reference pads rows before their prompts, which only the weights of the context see; this library behind.</summary>
    private static NoisedBatch PaddedAtTheEnd(NoisedBatch batch, long[] isToken)
    {
        int length = batch.Length;
        int[] numPads = [.. isToken.Chunk(length).Select(row => row.Count(value => value == 0))];
        return batch with
        {
            Tokens = [.. batch.Tokens.Chunk(length).Zip(numPads, (row, pads) => row[pads..].Concat(row[..pads])).SelectMany(row => row)],
            Masked = [.. batch.Masked.Select(token => token with
            {
                Position = token.Position - numPads[token.Row], Index = token.Index - numPads[token.Row],
            })],
            Ends = [.. numPads.Select(pads => length - pads)],
        };
    }

    private static MaskedToken[] Masked(GoldenFolder golden, string key, int[][] clean, Func<int, int, double> probability)
    {
        bool[] isMasked = [.. golden[key].data<bool>()];
        return Masked(clean, index => isMasked[index], probability);
    }

    private static MaskedToken[] Masked(int[][] clean, Func<int, bool> isMasked, Func<int, int, double> probability)
    {
        int length = clean[0].Length, count = 0;
        return [.. Enumerable.Range(0, clean.Length * length).Where(isMasked).Select(index => new MaskedToken(
            index / length, index % length, index, clean[index / length][index % length], probability(count++, index / length)))];
    }

    private static long[] Noised(int[][] clean, IEnumerable<MaskedToken> masked, int mask)
    {
        long[] tokens = [.. clean.SelectMany(row => row).Select(token => (long)token)];
        foreach (var token in masked)
            tokens[token.Index] = mask;
        return tokens;
    }

    private static double Loss(MaskPredictor model, NoisedBatch batch, double balanceWeight = 0)
    {
        using var loss = DiffusionLoss.Backward(model, batch, balanceWeight: balanceWeight);
        return loss.item<float>();
    }

    private static string Name(MaskPredictor model, string parameter) => TensorNames.Of(model.Config.Family.Naming, parameter);

    private static TheoryData<string> Trained(string family)
    {
        TheoryData<string> trained = [];
        foreach (string name in GoldenFolder.Of(family).Select(row => row.Data))
        {
            using var golden = new GoldenFolder(name);
            if (golden.Has("train.input_ids"))
                trained.Add(name);
        }
        return trained;
    }

    private static void AssertClose(double expected, double actual, double relative = Tolerance) =>
        Assert.InRange(actual, expected - (relative * Math.Abs(expected)), expected + (relative * Math.Abs(expected)));
}
