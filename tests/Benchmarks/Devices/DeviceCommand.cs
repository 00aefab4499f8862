using System.CommandLine;
using System.Globalization;
using LLaDA.Batch.Benchmarks.Tables;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Devices;

/// <summary>The command <c>device</c>.</summary>
internal static class DeviceCommand
{
    public static Command Create(Option<FileInfo?> json)
    {
        var isOnCard = new Option<bool>("--cuda")
            { Description = "On the first card, in bfloat16, with a model of LLaDA-8B's shape; else on the CPU with a tiny one" };
        var numNew = new Option<int>("--new-tokens") { Description = "Of each row, a multiple of 32", DefaultValueFactory = _ => 64 };
        numNew.Validators.Add(result =>
        {
            int count = result.GetValueOrDefault<int>();
            if (count is < 32 or > 512 || count % 32 != 0)
                result.AddError("--new-tokens is a multiple of 32 from 32 to 512");
        });
        var command = new Command(
            "device", "Generation and training of random weights on a card, beside the references' loops on the same weights")
            { isOnCard, numNew, json };
        command.SetAction(parse =>
        {
            bool isCuda = parse.GetValue(isOnCard);
            if (isCuda && !cuda.is_available())
            {
                Console.Error.WriteLine("libtorch finds no CUDA device: Torch__LibTorch names the folder of a CUDA build");
                return 1;
            }
            var benchmark = new DeviceBenchmark(
                isCuda ? DeviceModel.Large : DeviceModel.Small, isCuda ? CUDA : CPU, isCuda ? ScalarType.BFloat16 : ScalarType.Float32,
                parse.GetValue(numNew));
            Console.WriteLine("| what | rows | value | unit |\n| --- | --- | --- | --- |");
            var rows = benchmark.Run(row => Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {row.What} | {row.Rows} | {row.Value:G4} | {row.Unit} |")));
            if (parse.GetValue(json) is { } file)
                ResultFile.Write(file.FullName, rows);
            return 0;
        });
        return command;
    }
}
