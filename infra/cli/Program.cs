using System.CommandLine;
using LLaDA.Batch.Cli;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Training;

var root = new RootCommand("Trains and judges the models of LLaDA.Batch.")
{
    CorpusCommand.Create(),
    InstructionsCommand.Create(),
    TokenizerCommand.Create(),
    PackCommand.Create(),
    PretrainCommand.Create(),
    SftCommand.Create(),
    EvaluateCommand.Create(),
};
try
{
    return await root.Parse(args).InvokeAsync(new() { EnableDefaultExceptionHandler = false });
}
catch (Exception exception) when (exception is CheckpointException or TrainingDataException or LibTorchMissingException or TrainingDivergedException or TrainingMemoryException or InvalidDataException or ArgumentException or IOException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
