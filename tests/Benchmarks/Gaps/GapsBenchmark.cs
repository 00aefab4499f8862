using System.CommandLine;
using System.Diagnostics;
using LLaDA.Batch.Benchmarks.Tables;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Benchmarks.Gaps;

/// <summary>One way to fill the gaps of all documents.</summary>
/// <param name="Seconds">Of all documents, one after the other.</param>
/// <param name="TokenForwards">Tokens that passed through the network.</param>
/// <param name="Times">Seconds as a multiple of those of known lengths.</param>
/// <param name="TimesTokens">The same of <paramref name="TokenForwards"/>.</param>
/// <param name="LengthRight">Share of the gaps.</param>
/// <param name="WithinOne">Share of the gaps whose length is at most one token off.</param>
/// <param name="WordsRight">Share of the gaps whose text is that of the document.</param>
internal sealed record GapsRow(
    string Way, int Documents, double Seconds, long TokenForwards, double Times, double TimesTokens,
    double LengthRight, double WithinOne, double WordsRight);

/// <summary>What a gap of unknown length costs and finds, beside one of known length: the ways take turns at each document.</summary>
internal sealed class GapsBenchmark(Sampler sampler, LLaDATokenizer tokenizer, TokenSet nonText)
{
    private readonly InfillOptions _options = new() { Sampling = new SamplingOptions { Forbidden = nonText } };
    private long _tokenForwards;

    public static Command Create(Option<DirectoryInfo> model, Option<FileInfo?> json)
    {
        var text = new Option<FileInfo>("--text")
            { Description = "Held-out documents, as llada-train corpus writes them", Required = true };
        var count = new Option<int>("--documents") { Description = "Documents, from the first on", DefaultValueFactory = _ => 300 };
        var shortest = new Option<int>("--min-tokens") { Description = "Shorter documents are left out" };
        var longest = new Option<int>("--max-tokens") { Description = "Longer documents are left out", DefaultValueFactory = _ => 128 };
        var seed = new Option<int>("--seed") { Description = "Of the places of the gaps", DefaultValueFactory = _ => 1 };
        var command = new Command("gaps", "Gaps of unknown length beside gaps of known length")
            { model, text, count, shortest, longest, seed, json };
        command.SetAction(parse =>
        {
            string folder = parse.GetValue(model)!.FullName;
            var tokenizer = new LLaDATokenizer(folder);
            using var network = Checkpoint.Load(folder);
            using var sampler = new Sampler(network);
            using var nonText = Infiller.NonText(tokenizer, network.Config);
            CutDocument[] documents = [.. CutDocuments.Read(
                parse.GetValue(text)!.FullName, tokenizer, parse.GetValue(shortest), parse.GetValue(longest), parse.GetValue(seed))
                .Take(parse.GetValue(count))];
            var rows = new GapsBenchmark(sampler, tokenizer, nonText).Run(documents);
            foreach (var row in rows)
                Console.WriteLine(row);
            Console.WriteLine(
                $"{documents.Average(document => document.NumTokens):F1} tokens, "
                + $"{documents.Average(document => document.Length):F2} in a gap");
            if (parse.GetValue(json) is { } file)
                ResultFile.Write(file.FullName, rows);
        });
        return command;
    }

    private List<GapsRow> Run(CutDocument[] documents)
    {
        (string Name, Func<CutDocument, InfilledText> Fill)[] ways =
        [
            ("known length", document => Fill(document.WithGap(document.Length))),
            ("each length, a token a step, the whole text in sight (before)",
                document => Fill(document.WithGap(LengthByToken(document)))),
            ("each length, one pass, half of the text in sight (used)", document => Fill(document.WithGap(null))),
        ];
        var sums = ways.Select(way => new Sum(way.Name)).ToList();
        ways[0].Fill(documents[0]);     // the first pass of a process is slow
        foreach (var document in documents)
        {
            foreach (var (way, sum) in ways.Zip(sums))
            {
                long started = Stopwatch.GetTimestamp();
                _tokenForwards = 0;
                var filled = way.Fill(document);
                sum.Add(document, filled, Stopwatch.GetElapsedTime(started).TotalSeconds, _tokenForwards);
            }
        }
        return [.. sums.Select(sum => sum.ToRow(sums[0]))];
    }

    private InfilledText Fill(string text)
    {
        var document = new InfillDocument(GapText.Parse(text), tokenizer, sampler.Config, _options);
        using var lengths = new LengthSearch(Sample);
        return Infiller.FillAsync(document, Sample, lengths, null, null, CancellationToken.None).GetAwaiter().GetResult();
    }

    /// <summary>The former search: the lengths 1 to 8 and up to four forced tokens behind each, one token a step.</summary>
    private int LengthByToken(CutDocument document)
    {
        int[] before = [.. tokenizer.BeginningOfText, .. tokenizer.Encode(document.Before[..^1])];
        int[] behind = [.. tokenizer.Encode(document.Behind), tokenizer.EndOfTextId];
        int numForced = Math.Min(LengthSearch.NumForcedBehind, behind.Length), mask = sampler.Config.MaskTokenId;
        SamplingRow[] rows = [.. Enumerable.Range(1, CutDocuments.MaxLength).Select(length => new SamplingRow(
            [.. before, .. Enumerable.Repeat(mask, length + numForced), .. behind[numForced..]], _options.Sampling)
        {
            ForcedTokens = Enumerable.Range(0, numForced).ToDictionary(index => before.Length + length + index, index => behind[index]),
        })];
        double[] scores = [.. Sample(rows).Result.Select(row => row.Confidence.Sum(Math.Log))];
        return 1 + Array.IndexOf(scores, scores.Max());
    }

    private Task<IReadOnlyList<SampledRow>> Sample(IReadOnlyList<SamplingRow> rows)
    {
        var sampled = sampler.Sample(rows);
        _tokenForwards += sampled.Sum(row => row.NumTokenForwards);
        return Task.FromResult(sampled);
    }

    private sealed class Sum(string way)
    {
        private double _seconds;
        private long _tokenForwards;
        private int _numDocuments, _numRight, _numWithinOne, _numWordsRight;

        public void Add(CutDocument document, InfilledText filled, double seconds, long tokenForwards)
        {
            int off = Math.Abs(filled.NumFilledTokens - document.Length);
            _numDocuments++;
            _seconds += seconds;
            _tokenForwards += tokenForwards;
            _numRight += off == 0 ? 1 : 0;
            _numWithinOne += off <= 1 ? 1 : 0;
            _numWordsRight += filled.Text == document.Text ? 1 : 0;
        }

        public GapsRow ToRow(Sum known) => new(
            way, _numDocuments, Math.Round(_seconds, 1), _tokenForwards,
            Math.Round(_seconds / known._seconds, 2), Math.Round((double)_tokenForwards / known._tokenForwards, 2),
            Share(_numRight), Share(_numWithinOne), Share(_numWordsRight));

        private double Share(int count) => Math.Round((double)count / _numDocuments, 4);
    }
}
